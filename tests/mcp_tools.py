"""The tools that the MCP server offers to agents, in their order."""

from __future__ import annotations

from typing import Final

TOOLS: Final = (
    "list_figures",
    "get_figure",
    "explain_change",
    "list_insights",
    "list_analyses",
    "run_analysis",
    "list_reports",
    "get_report",
    "make_report",
    "list_experiments",
    "get_experiment",
)
