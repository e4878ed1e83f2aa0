"""What a file of a user-defined figure may say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kpis.custom.conditions import MAX_LENGTH
from kpis.kpi import Direction, Unit
from kpis.sql.fixed import no_variable
from models.pattern_words import MEANING_PATTERN, NAME_PATTERN, OWN_FIGURE_ID_PATTERN, TEXT_PATTERN

_SourceName = Literal["queries", "conversations", "syncs"]
_Condition = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
_Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class FormulaKind(StrEnum):
    """How the rows of a source become one number."""

    SHARE = "share"
    COUNT = "count"
    DISTINCT = "distinct"
    SUM = "sum"
    MEAN = "mean"
    QUANTILE = "quantile"
    RATIO = "ratio"


class AlertWindow(StrEnum):
    """What an alert looks back over."""

    HOUR = "1h"
    DAY = "24h"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_NEEDS: Final[Mapping[FormulaKind, tuple[str, ...]]] = {
    FormulaKind.SHARE: ("of",),
    FormulaKind.COUNT: (),
    FormulaKind.DISTINCT: ("column",),
    FormulaKind.SUM: ("column",),
    FormulaKind.MEAN: ("column",),
    FormulaKind.QUANTILE: ("column", "q"),
    FormulaKind.RATIO: ("numerator", "denominator"),
}


class FormulaText(_Strict):
    """The formula of a definition; which fields it needs depends on ``kind``."""

    kind: Annotated[FormulaKind, Field(strict=False)]
    where: _Condition | None = None
    of: _Condition | None = None
    column: _Name | None = None
    q: Annotated[float, Field(gt=0, lt=1)] | None = None
    numerator: _Name | None = None
    denominator: _Name | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        given = {name for name in ("of", "column", "q", "numerator", "denominator") if getattr(self, name) is not None}
        needed = set(_NEEDS[self.kind])
        if missing := sorted(needed - given):
            raise ValueError(f"a {self.kind} needs {' and '.join(missing)}")
        if spare := sorted(given - needed):
            raise ValueError(f"a {self.kind} takes no {' or '.join(spare)}")
        return self


class FigureHead(_Strict):
    """What every user-defined figure has, whatever computes it."""

    id: Annotated[str, Field(pattern=OWN_FIGURE_ID_PATTERN)]
    # Both stand in templates of alert messages and in panels, where braces and $ mean something.
    title: Annotated[str, Field(pattern=TEXT_PATTERN % 60), AfterValidator(no_variable)]
    meaning: Annotated[str, Field(pattern=MEANING_PATTERN), AfterValidator(no_variable)]
    direction: Direction = "neutral"
    minimum_volume: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    warning: Annotated[float, Field(allow_inf_nan=False)] | None = None
    critical: Annotated[float, Field(allow_inf_nan=False)] | None = None
    alert: Annotated[AlertWindow, Field(strict=False)] | None = None


class FigureText(FigureHead):
    """A definition as it stands in a file, or as a mapping that an installed package gives."""

    source: _SourceName
    formula: FormulaText
    unit: Annotated[Unit, Field(strict=False)] | None = None
