"""Generates docs/kpis.md from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kpis.contribution import Makeup
from kpis.display import shown
from kpis.kpi import Aggregate, Kpi
from kpis.registry import ALL

_HEAD: Final = """# Key figures

Generated from the definitions in `kpis/definitions` by `romashka kpi docs`; do not edit. Panels, alerts, reports,
exports and commands take their figures from there, so they agree.

- **Range**: `[from, to)`, to the minute: both ends are rounded up to the next whole minute, so adjacent ranges neither
  overlap nor leave a gap. Times without an offset, days, `7d`, `1M` and `last-month` are in the chosen time zone.
  A range of two days or more up to now, such as `--range 30d` and "Last 30 days" in Grafana's time picker, ends on the
  next whole hour.
- **Tenant**: every query names a tenant, or all tenants explicitly.
- **Exactness**: repeated and late events do not change what is counted. Figures of queries and syncs are up to date;
  figures of conversations come from roll-ups that are up to half a minute behind the events.
- **A zero denominator** gives no value, never 0 %. An empty range has counts of 0 and no shares.
- **n** is the volume of a figure. Below the smallest n it is shown with "too little data", and no alert fires.
- **Between**: 95 % confidence interval; Wilson's for shares, the standard error for means.
- **Conversations** are counted at their entry, the earliest time in any of their events. The first end decides whether
  a conversation was resolved, and by whom; later events that contradict the end (reopened, escalated, taken over by a
  person) are a return. Without `handled_by` there are no autonomous resolutions: the resolver is not guessed.
- **Multiple values**: a conversation with two providers, data types or gaps counts under each, so parts may add up to
  more than the whole. `provider` is whose data a conversation used, `queried_provider` where its queries went, with or
  without success: when an integration fails, conversations leave the first and stay in the second.
- **Why a figure changed**: `romashka kpi explain ID` (and `/v1/kpis/{id}/explain`) divides its change against the
  period before, or another one (`--against`), among the values of each dimension. A share or a mean changes by its
  parts' volume (`by its volume`: more of what is better than the whole) and by their own figures (`by itself`); a sum
  by its parts. The effects add up to the change exactly; values with less than the smallest n are joined, and so are
  the smallest beyond `--most`. A conversation with several providers counts in equal shares for each here, so that
  nothing counts twice. The dimension whose values stand out most comes first; what is itself a result (outcome, error
  kind) comes last. The method is Kitagawa's with the reference of Griliches and Regev
  ([decision 41](adr/0041-contribution-analysis.md)). Quantiles, peaks, comparisons and counts of distinct customers do
  not follow from their parts, and are refused.
- **Money** is in the tenant's currency (`romashka tenant settings set TENANT currency KWD`), kept to four decimals
  and written with the digits of ISO 4217: none (JPY), two, three (KWD) or four (CLF). Where it is not set, or tenants
  have several, amounts have no sign. Charts and tables of Grafana have the code after the amount (`1,234.50 EUR`).
  Costs may be parts of the smallest unit (0.0375 a conversation). An amount may be up to 99,999,999,999.9999; there is
  no exchange rate anywhere, so amounts of several currencies are not added up.
- **Versions**: figures are computed from stored events, so the present definition applies to every range.
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
        "a change is explained as": _makeup(kpi),
        "smallest n": str(kpi.minimum_volume),
        "warning": _line(kpi, kpi.warning),
        "critical": _line(kpi, kpi.critical),
    }
    for change in kpi.changes:
        lines[f"version {change.version}"] = f"since {change.since}; before, {change.what}"
    return {name: line for name, line in lines.items() if line}


def _makeup(kpi: Kpi) -> str:
    """Return how a change is divided among parts; empty where it cannot be."""
    return {Makeup.MEAN: "a mean of its parts", Makeup.SUM: "a sum of its parts", Makeup.NEITHER: ""}[
        kpi.computed.makeup
    ]


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
