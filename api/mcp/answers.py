"""What the tools answer with, where it is not an answer of the API as it is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.analyses import AnalysisDefinition
from api.experiments import ListedExperiment
from api.kpis import Definition
from api.reports import MadeReport


class Figures(BaseModel):
    """Every figure that the caller may see."""

    figures: list[Definition]


class Analyses(BaseModel):
    """Every analysis that the caller may see."""

    analyses: list[AnalysisDefinition]


class Experiments(BaseModel):
    """Every experiment of the tenant."""

    experiments: list[ListedExperiment]


class ReportContent(BaseModel):
    """A report with its content."""

    report: Annotated[
        MadeReport | None, Field(description="What the list says about it; null where only its id is known")
    ]
    media_type: str
    file: Annotated[str, Field(description="The API's route to the whole file, with the same token")]
    document: Annotated[dict[str, Any] | None, Field(description="The report, where it is JSON")]
    text: Annotated[str | None, Field(description="The report, where it is another text format")]
    cut: Annotated[bool, Field(description="The text is longer than what is here")]
