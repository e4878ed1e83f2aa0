"""What a tile says beside its figure: the period before, the change, a line of steps, the currency, or a reason.

Grafana's stat panel draws a field's last value, compares it with the first, and draws those in the dashboard's range as
a line. So a field here holds the figure of the period before, then the steps, then the figure of the range; the outer
two lie outside of the range and are no part of the line. What is text, or bounds of the line, comes as further columns
that a transformation ("Config from query results") makes settings of the field. Tiles beside each other share one
statement: the first asks, the others show other columns of its answer. So may a chart of their steps, which takes the
rows that have a ``line``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dashboards import amounts
from dashboards.panel import Tile
from kpis import at_risk, currency
from kpis.analyses.conversation_facts import period_before
from kpis.kpi import Kpi, Statement, Unit
from kpis.query import parts_at_cut, select
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.dialect import Dialect

_STEPS: Final = {Interval.MINUTE: "MINUTE", Interval.HOUR: "HOUR", Interval.DAY: "DAY", Interval.WEEK: "WEEK"}
INCIDENTS: Final = "open_incidents"
"""The figure whose tile says what is at stake, too."""
_NO_CHANGE: Final = "inf"
"""In place of a figure before that there is none of: Grafana then shows no change, which it would of NULL or 0."""
LINE: Final = "line"
"""A column that is a text in the rows that are steps, for the chart that shares the answer, and NULL in others."""
_FEW: Final = 10
# Rows in the order of time: the period before, a gap, the steps, a gap, the range.
_BEFORE, _GAP, _STEP, _END, _NOW = range(5)
_WHOLE: Final = "toUnixTimestamp(steps.time) = 0"
"""The row of all steps of a series has 1970 as its time."""
_TIMES: Final = (
    f"multiIf(r.part = {_STEP}, r.at, r.part = {_BEFORE}, before_start, "
    f"r.part = {_GAP}, range_start - INTERVAL 1 SECOND, r.part = {_END}, range_end + INTERVAL 1 SECOND, "
    "range_end + toIntervalSecond(intDiv(dateDiff('second', range_start, range_end), 10) + 2))"
)
_NO_TIME: Final = "toDateTime(0, 'UTC')"
"""The time of a row that is no step, until it is given its place in the order."""


def statement(tile: Tile, dialect: Dialect) -> str:
    """Return what the first tile of a group asks, for all of them; the rows are ascending in time."""
    kpis = [get(id_) for id_ in tile.group]
    of_range = dialect.over("range_start", "range_end")
    shown = ", ".join([*(part for kpi in kpis for part in _shown(kpi)), *(_drawn(kpis) if tile.is_drawn else ())])
    names = [*(name for kpi in kpis for name in _columns(kpi)), *_stake(kpis)]
    most = ", ".join(f"max({name}) AS {name}" for name in names)
    nothing = ", ".join(f"NULL AS {name}" for name in names)
    across = ", ".join(f"{sql} AS {name}" for kpi in kpis for name, sql in _across(kpi))
    # What is named several times above is a column there: ClickHouse resolves a constant again at each place.
    constants = "".join(f", {one}" for one in (f"{_TIMES} AS time", *_looked_up(tile, kpis, of_range)))
    return f"""
WITH {dialect.start} AS range_start, {dialect.end} AS range_end,
    range_start - toIntervalSecond(dateDiff('second', range_start, range_end)) AS before_start
SELECT u.time AS time, {shown} FROM
(
SELECT *, {across}{constants} FROM
(
SELECT part, at, {most} FROM
(
{_figures(tile, kpis, dialect)}{_at_stake(kpis, of_range)}
UNION ALL
SELECT arrayJoin([{_BEFORE}, {_GAP}, {_END}, {_NOW}]) AS part, {_NO_TIME} AS at, {nothing}
)
GROUP BY part, at
) AS r
) AS u
ORDER BY time"""


def _figures(tile: Tile, kpis: Sequence[Kpi], dialect: Dialect) -> str:
    """Return the figures before, their steps where those are of the same statement, and the figures of the range."""
    if all(map(parts_at_cut, kpis)):
        return _in_one_pass(tile, kpis, dialect)
    before = select(tile.group, dialect.over("before_start", "range_start"), bounds=False)
    return f"""{_of_range(tile, kpis, dialect.over("range_start", "range_end"))}
UNION ALL
SELECT {_BEFORE} AS part, {_NO_TIME} AS at, {_values(kpis)} FROM ({before})"""


def _in_one_pass(tile: Tile, kpis: Sequence[Kpi], dialect: Dialect) -> str:
    """Return them of one statement over the range and the period before: planning two takes twice as long."""
    both, cut = dialect.over("before_start", "range_end"), "range_start"
    if not all(kpi.has_total for kpi in kpis):
        rows = select(tile.group, both, bounds=False, cut=cut)
        return f"SELECT if(earlier, {_BEFORE}, {_NOW}) AS part, {_NO_TIME} AS at, {_values(kpis)} FROM ({rows})"
    rows = select(tile.group, both, every=tile.every, bounds=False, total=True, cut=cut)
    return f"""SELECT multiIf(NOT {_WHOLE}, {_STEP}, steps.earlier, {_BEFORE}, {_NOW}) AS part,
    steps.time AS at, {_values(kpis)}
FROM ({rows}) AS steps
WHERE {_WHOLE} OR (NOT steps.earlier AND {_is_step(tile)})"""


def _of_range(tile: Tile, kpis: Sequence[Kpi], dialect: Dialect) -> str:
    """Return the figures of the range, with their steps where those are of the same statement."""
    if not all(kpi.has_total for kpi in kpis):
        rows = select(tile.group, dialect, bounds=False)
        return f"SELECT {_NOW} AS part, {_NO_TIME} AS at, {_values(kpis)} FROM ({rows})"
    rows = select(tile.group, dialect, every=tile.every, bounds=False, total=True)
    return f"""SELECT if({_WHOLE}, {_NOW}, {_STEP}) AS part, steps.time AS at, {_values(kpis)}
FROM ({rows}) AS steps
WHERE {_WHOLE} OR ({_is_step(tile)})"""


def _is_step(tile: Tile) -> str:
    """Return the predicate of steps that lie within the range as a whole."""
    return f"steps.time >= range_start AND steps.time + INTERVAL 1 {_STEPS[tile.every]} <= range_end"


def compared(id_: str, dialect: Dialect) -> str:
    """Return one row: a figure and that of the previous period (``<id>_before``), outside of Grafana."""
    before = dialect.over(period_before(dialect), dialect.start)
    return (
        f"SELECT n.{id_} AS {id_}, b.{id_} AS {id_}_before "
        f"FROM ({select((id_,), dialect, bounds=False)}) AS n CROSS JOIN ({select((id_,), before, bounds=False)}) AS b"
    )


def texts(kpi: Kpi) -> list[str]:
    """Return the columns of texts about a figure."""
    return [f"{kpi.id}_says", *([f"{kpi.id}_unit"] if kpi.unit is Unit.MONEY else []), *_below_minimum_volume(kpi)]


def _below_minimum_volume(kpi: Kpi) -> list[str]:
    return [f"{kpi.id}_colour"] if kpi.minimum_volume > 1 else []


def _columns(kpi: Kpi) -> tuple[str, ...]:
    """Return what is needed of a figure: its value, how much it rests on, and its note where it has one."""
    note = (f"{kpi.id}_note",) if isinstance(kpi.computed, Statement) else ()
    return (kpi.id, f"{kpi.id}_n", *note)


def _values(kpis: Sequence[Kpi]) -> str:
    found = []
    for kpi in kpis:
        value, *others = _columns(kpi)
        found += [f"toFloat64({value}) AS {value}", *others]
    return ", ".join([*found, *(f"NULL AS {name}" for name in _stake(kpis))])


def _stake(kpis: Sequence[Kpi]) -> tuple[str, ...]:
    """Return the column of what is at stake, where a tile says it."""
    return ("at_stake",) if any(kpi.id == INCIDENTS for kpi in kpis) else ()


def _at_stake(kpis: Sequence[Kpi], dialect: Dialect) -> str:
    """Return a further row of the range with what is at stake: as a scalar it would be planned more than once."""
    if not _stake(kpis):
        return ""
    nothing = ", ".join(f"NULL AS {name}" for kpi in kpis for name in _columns(kpi))
    money = at_risk.value_at_risk(dialect)
    return f"\nUNION ALL\nSELECT {_NOW} AS part, {_NO_TIME} AS at, {nothing}, at_stake FROM ({money})"


def _looked_up(tile: Tile, kpis: Sequence[Kpi], dialect: Dialect) -> Iterator[str]:
    """Return columns that the texts need: looked up once, however often a text names them."""
    if tile.is_drawn and any(kpi.unit is Unit.MONEY for kpi in kpis):
        yield f"{currency.in_scope(dialect)} AS amounts"
    if any(kpi.unit is Unit.MONEY or kpi.id == INCIDENTS for kpi in kpis):
        yield f"{currency.symbol(dialect)} AS sign"
    if any(map(_may_mix, kpis)):
        yield f"tupleElement({currency.in_scope(dialect)}, 3) AS several"


def _drawn(kpis: Sequence[Kpi]) -> Iterator[str]:
    """Return what a chart of the steps needs: which rows are steps, and what Grafana has to know of amounts."""
    if not any(kpi.unit is Unit.MONEY for kpi in kpis):
        yield f"if(u.part = {_STEP}, '', NULL) AS {LINE}"
        return
    yield f"if(u.part = {_STEP} AND NOT u.amounts.3, '', NULL) AS {LINE}"
    yield amounts.settings("u.amounts")


def _may_mix(kpi: Kpi) -> bool:
    """Whether a figure adds up amounts whatever their currencies are; statements of their own leave such sums out."""
    return kpi.unit is Unit.MONEY and not isinstance(kpi.computed, Statement)


def _across(kpi: Kpi) -> list[tuple[str, str]]:
    """Return what every row has to know of others: the figure before and now, and the bounds of its steps."""
    id_ = kpi.id

    def of(part: int, column: str) -> str:
        return f"max(if(r.part = {part}, r.{column}, NULL)) OVER ()"

    step = f"if(r.part = {_STEP}, r.{id_}, NULL)"
    return [
        (f"{id_}_before", of(_BEFORE, id_)),
        (f"{id_}_now", of(_NOW, id_)),
        (f"{id_}_n_now", of(_NOW, f"{id_}_n")),
        (f"{id_}_low", f"min({step}) OVER ()"),
        (f"{id_}_high", f"max({step}) OVER ()"),
    ]


def _said(kpi: Kpi) -> list[tuple[str, str]]:
    sign = "u.sign" if kpi.unit is Unit.MONEY else "''"
    too_few = f"ifNull(u.{kpi.id}_n, 0) < {kpi.minimum_volume}"
    before = f"u.{kpi.id}_before"
    compared_ = f"if({before} IS NULL, 'before: none', concat('before: ', {text(kpi.unit, before, sign)}))"
    if kpi.id == INCIDENTS:
        stake = text(Unit.MONEY, "u.at_stake", "u.sign")
        compared_ = f"concat(if(ifNull(u.at_stake, 0) > 0, concat({stake}, ' at risk · '), ''), {compared_})"
    below = f"{too_few}, 'too little data', " if kpi.minimum_volume > 1 else ""
    found = {
        "says": f"multiIf({_value(kpi)} IS NULL, {_reason(kpi)}, {below}{compared_})",
        "unit": f"if({sign} = '', 'short', concat('currency:', {sign}))",
        # A figure of too little data is neither good nor bad.
        "colour": f"if({too_few}, 'text', NULL)",
    }
    return [(name, f"if(u.part = {_NOW}, {found[name.removeprefix(f'{kpi.id}_')]}, NULL)") for name in texts(kpi)]


def _value(kpi: Kpi) -> str:
    """Return a row's value; nothing at all is no row of it, and counts as 0 where things are counted."""
    if _may_mix(kpi):
        return f"if(u.several, NULL, u.{kpi.id})"
    return f"if(u.part = {_NOW}, ifNull(u.{kpi.id}, 0), u.{kpi.id})" if kpi.unit is Unit.COUNT else f"u.{kpi.id}"


def _reason(kpi: Kpi) -> str:
    if _may_mix(kpi):
        return "if(u.several, 'Choose a tenant', 'no data in this range')"
    if not isinstance(kpi.computed, Statement):
        return "'no data in this range'"
    note = f"u.{kpi.id}_note"
    return (
        f"multiIf({note} = '{currency.SEVERAL}', 'Choose a tenant', startsWith({note}, 'not set'), "
        f"'costs are not set', ifNull({note}, '') = '', 'no data in this range', {note})"
    )


def _shown(kpi: Kpi) -> list[str]:
    """Return a figure's columns; its line is as high as its steps, which the figures around it would flatten."""
    # Of a tenth of what there is now a change says how the figure began, and no more.
    unknown = (
        f"ifNull(u.{kpi.id}, 0) = 0 OR u.{kpi.id}_now IS NULL "
        f"OR {_FEW} * ifNull(u.{kpi.id}_n, 0) < ifNull(u.{kpi.id}_n_now, 0)"
    )
    return [
        f"if(u.part = {_BEFORE} AND ({unknown}), {_NO_CHANGE}, {_value(kpi)}) AS {kpi.id}",
        *(f"{sql} AS {name}" for name, sql in _said(kpi)),
        f"ifNull(toString(u.{kpi.id}_low), '0') AS {kpi.id}_lowest",
        f"ifNull(toString(u.{kpi.id}_high), '1') AS {kpi.id}_highest",
    ]


def text(unit: Unit, value: str, sign: str = "''") -> str:
    """Return a number of a unit as text that people read; ``sign`` is the SQL of the currency before an amount."""
    number = f"toFloat64({value})"
    short = (
        f"multiIf(abs({number}) >= 1e6, concat(toString(round({number} / 1e6, 2)), ' M'), "
        f"abs({number}) >= 1e4, concat(toString(round({number} / 1e3, 1)), ' K'), toString(round({number}, 2)))"
    )
    forms = {
        Unit.RATIO: f"concat(toString(round(100 * {number}, 1)), ' %')",
        Unit.MONEY_RATIO: f"concat(toString(round(100 * {number})), ' %')",
        Unit.MILLISECONDS: f"if({number} >= 1000, concat(toString(round({number} / 1000, 2)), ' s'), "
        f"concat(toString(round({number})), ' ms'))",
        Unit.MINUTES: f"concat(toString(round({number}, 1)), ' min')",
        Unit.HOURS: f"concat(toString(round({number}, 1)), ' h')",
        Unit.MONEY: currency.amount(value, sign),
    }
    return forms.get(unit, short)
