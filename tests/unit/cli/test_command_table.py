from __future__ import annotations

import subprocess
import sys

import pytest

# What takes long to import: for serving, streaming, drawing, and writing files.
HEAVY = {
    "aiohttp",
    "aiokafka",
    "apprise",
    "chdb",
    "confluent_kafka",
    "fastapi",
    "faust",
    "numpy",
    "pandas",
    "pyarrow",
    "redis",
    "river",
    "typst",
    "uvicorn",
    "vl_convert",
    "xlsxwriter",
}


def imported(code: str) -> set[str]:
    """Return what a fresh process has imported after running this."""
    ran = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    modules = subprocess.run(ran, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    return {module.partition(".")[0] for module in modules}


def test_help_imports_no_command() -> None:
    found = imported("from cli.main import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass")
    assert "rich" in found
    assert found & (HEAVY | {"clickhouse_connect", "pydantic"}) == set()


@pytest.mark.parametrize("name", ["kpi", "report", "schedule", "api", "audit", "insights", "tenant", "deployments"])
def test_a_command_that_asks_the_database_imports_no_more_than_that_takes(name: str) -> None:
    found = imported(f"from cli.command_table import loaded\nloaded({name!r})")
    assert "clickhouse_connect" in found
    assert found & HEAVY == set()
