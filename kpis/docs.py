"""docs/kpis.md, made from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kpis.display import shown
from kpis.kpi import Aggregate, Kpi
from kpis.registry import ALL

_HEAD: Final = """# Key figures

Made from the definitions in `kpis/definitions` by `romashka kpi docs`; do not edit. Every panel, alert, report, export
and command takes its figures from there, so the same question has the same answer everywhere.

- **Range**: `[from, to)`, to the minute: both ends move up to the next whole minute. Ranges that touch neither overlap
  nor leave a gap. Times without an offset, days, `7d`, `1M` and `last-month` are on the clocks of the chosen time zone.
  A range of two days or more that ends now, such as "Last 30 days", ends on the next whole hour.
- **Tenant**: every question names one, or says that it means all.
- **Nothing counts twice**: whatever arrives again or late ends in the same figures. Hours, days and conversation facts
  are kept ready; what was written since they were last brought up to date is taken from the events.
- **Nothing to divide by** gives no value, never 0 %. An empty range has counts of 0 and no shares.
- **n** is what a figure rests on. Below the smallest n it is shown with "too little data", and no alert fires.
- **Between**: 95 % confidence; Wilson's interval for shares, the standard error for means.
- **Conversations** are counted where their demand came in: at the earliest moment that any of their events tells of.
  Their first end decides whether they were resolved, and by whom; whatever says after it that they were not over
  (reopened, escalated, taken over by a person) is a return. Producers that do not send `handled_by` have no autonomous
  resolutions: who resolved is not guessed.
- **Several of a kind**: a conversation with two providers, data types or gaps counts under each, so the parts may add
  up to more than the whole.
- **Versions**: figures are computed from what happened, so the present definition holds for every range.
"""


def markdown() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *_pages()])


def facts(kpi: Kpi) -> dict[str, str]:
    """Return the properties of a definition by name, without its meaning."""
    lines = {
        "unit": kpi.unit.value,
        "better": {"up": "higher", "down": "lower", "neutral": "neither"}[kpi.direction],
        "part of": kpi.area.value,
        "split by": ", ".join(kpi.dimensions) or "nothing",
        "from": kpi.computed.source.about if isinstance(kpi.computed, Aggregate) else "a statement of its own",
        "smallest n": str(kpi.minimum_volume),
        "warning": _line(kpi, kpi.warning),
        "critical": _line(kpi, kpi.critical),
    }
    for change in kpi.changes:
        lines[f"version {change.version}"] = f"since {change.since}; before, {change.what}"
    return {name: line for name, line in lines.items() if line}


def _line(kpi: Kpi, line: float | None) -> str:
    if line is None:
        return ""
    return f"{shown(kpi.unit, line)} or {'more' if kpi.direction == 'down' else 'less'}"


def _pages() -> Iterator[str]:
    for area in dict.fromkeys(kpi.area for kpi in ALL.values()):
        yield f"## {area.value[0].upper()}{area.value[1:]}\n"
        for kpi in ALL.values():
            if kpi.area is area:
                yield _page(kpi)


def _page(kpi: Kpi) -> str:
    lines = [f"### `{kpi.id}`", "", f"**{kpi.title}.** {kpi.meaning}", ""]
    lines += [f"- {name}: {fact}" for name, fact in facts(kpi).items() if name != "part of"]
    return "\n".join([*lines, ""])
