from __future__ import annotations

from kpis.kpi import Unit
from reports.changes import mover
from tests.unit.reports.sample import figure


def test_the_figure_that_moved_most_for_what_is_worth_mentioning_is_explained() -> None:
    little = figure("csat", value=4.0, before=4.1)
    much = figure("durable_resolution_rate", unit=Unit.RATIO, value=0.40, before=0.52)
    assert mover([little, much]) == much


def test_what_cannot_be_explained_has_no_direction_or_too_little_data_is_not_the_one() -> None:
    assert mover([figure("roi", unit=Unit.MONEY_RATIO, value=1.0, before=9.0)]) is None
    assert mover([figure("conversation_count", unit=Unit.COUNT, value=1, before=9, good="neutral")]) is None
    assert mover([figure("csat", value=1.0, before=4.0, state="unknown")]) is None
    assert mover([figure("csat", value=4.0, before=4.001)]) is None
    assert mover([]) is None
