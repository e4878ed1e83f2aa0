"""Business impact: savings, return on investment, influenced revenue, and what data adds to sales and satisfaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kpis import currency
from kpis.analyses import costs, lift
from kpis.analyses.attribution import influenced
from kpis.contribution import Makeup
from kpis.dimension import Dimension
from kpis.kpi import Area, Kpi, Statement, Unit
from kpis.scope import Interval
from kpis.sources.conversations import DIMENSIONS
from kpis.sql.formulas import Term, share
from kpis.sql.query_context import QueryContext
from kpis.statistics import ENOUGH
from models.errors import SettingsError

_TENANT: Final = {"tenant": DIMENSIONS["tenant"]}
_WHO_AND_WHERE: Final = {name: DIMENSIONS[name] for name in ("tenant", "provider", "channel", "country", "segment")}
_LIFTED: Final = {name: DIMENSIONS[name] for name in ("tenant", "stage", "channel", "country", "segment")}

_NOBODY: Final = "no conversations came in, and no costs are set"
_NOT_SET: Final = "not set on every day of the range: "
_HOW: Final = "; enter it with romashka tenant settings set"

# Half-width in money of the interval of durable resolutions, for an aggregated row of the ledger.
_BOUNDS: Final = share(Term("durable"), Term("conversations"))
_SUMS: Final = (
    "sum(l.conversations) AS conversations, sum(l.durable) AS durable, sum(l.gross) AS gross, "
    "sum(l.at_most) AS at_most, sum(l.minutes_money) AS minutes_money, sum(l.cost) AS cost, "
    "uniqExact(l.user_id) AS tenants, groupUniqArrayArray(l.lacking) AS all_missing, "
    f"{currency.do_not_add_up('uniqExact(l.user_id)', 'c.currency')} AS several"
)


_NET: Final = "(toDecimal128(gross, 8) + toDecimal128(minutes_money, 8) / 60 - cost)"
_REST: Final = f"(toFloat64({_NET}) - toFloat64(gross))"
_NET_LOW, _NET_HIGH = (f"{_REST} + toFloat64(at_most) * ({bound})" for bound in (_BOUNDS.low, _BOUNDS.high))
_COST: Final = "toFloat64(nullIf(cost, 0))"


class _Amount(NamedTuple):
    """A figure of the ledger: the prices it needs, and its value and bounds of an aggregated row."""

    needs: tuple[str, ...]
    value: str
    low: str
    high: str


_AMOUNTS: Final = {
    "gross_savings": _Amount(
        costs.GROSS_NEEDS,
        "toDecimal128(gross, 4)",
        f"toFloat64(at_most) * ({_BOUNDS.low})",
        f"toFloat64(at_most) * ({_BOUNDS.high})",
    ),
    "net_savings": _Amount(costs.NET_NEEDS, f"toDecimal128(round({_NET}, 4), 4)", _NET_LOW, _NET_HIGH),
    "roi": _Amount(
        costs.NET_NEEDS, f"toFloat64({_NET}) / {_COST}", f"({_NET_LOW}) / {_COST}", f"({_NET_HIGH}) / {_COST}"
    ),
}


def _money(asked: QueryContext, ids: Sequence[str]) -> str:
    """Return money figures of the ledger: no value where a needed price is missing, and a note that names it."""
    net = any(_AMOUNTS[id_].needs == costs.NET_NEEDS for id_ in ids)
    if net:
        _check_costs(asked)
    columns = "".join(f"{name}, " for name in asked.columns)
    notes = ", ".join(f"{_note(_AMOUNTS[id_].needs)} AS {id_}_note" for id_ in ids)
    return f"""
WITH {costs.ledger(asked, people=net)},
summed AS (SELECT {columns} {_SUMS}
    FROM ledger AS l LEFT JOIN {currency.of_tenants(asked.dialect)} AS c ON l.user_id = c.user_id {asked.grouping}),
explained AS (SELECT *, {notes} FROM summed)
SELECT {columns} {", ".join(_columns(id_, bounds=asked.bounds) for id_ in ids)}
FROM explained
"""


def _columns(id_: str, *, bounds: bool) -> str:
    amount, note = _AMOUNTS[id_], f"{id_}_note"
    shown = [f"if({note} = '', {amount.value}, NULL) AS {id_}", f"conversations AS {id_}_n"]
    for name, bound in (("low", amount.low), ("high", amount.high)):
        value = f"if({note} = '', {bound}, NULL)" if bounds else "NULL"
        shown.append(f"{value} AS {id_}_{name}")
    return ", ".join([*shown, note])


def _note(needs: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{name}'" for name in needs)
    lacking = f"arrayFilter(one -> one IN ({listed}), all_missing)"
    return (
        f"multiIf(several, '{currency.SEVERAL}', tenants = 0, '{_NOBODY}', notEmpty({lacking}), "
        f"concat('{_NOT_SET}', arrayStringConcat(arraySort({lacking}), ', '), '{_HOW}'), '')"
    )


def _check_costs(asked: QueryContext) -> None:
    if asked.every in {Interval.MINUTE, Interval.HOUR}:
        raise SettingsError("costs are spread over days: ask for this figure every day or every week")
    if asked.filters:
        raise SettingsError(f"costs are the tenant's as a whole: this figure cannot be narrowed by {asked.filters[0]}")


def _of_ledger(dimensions: Mapping[str, Dimension], id_: str, makeup: Makeup = Makeup.SUM) -> Statement:
    """Return a figure of the ledger, alone and with its family."""

    def render(asked: QueryContext) -> str:
        columns = "".join(f"{name}, " for name in asked.columns)
        own = f"{id_} AS value, {id_}_n AS n, {id_}_low AS low, {id_}_high AS high, {id_}_note AS note"
        return f"SELECT {columns}{own} FROM ({_money(asked, [id_])})"

    return Statement(dimensions, render, _money, parts_at_cut=True, makeup=makeup)


def _conversion_lift(asked: QueryContext) -> str:
    return lift.standardised(asked, _LIFTED, lift.CONVERTED)


def _csat_lift(asked: QueryContext) -> str:
    return lift.standardised(asked, _LIFTED, lift.STARS)


KPIS: Final = (
    Kpi(
        id="gross_savings",
        title="Gross savings",
        meaning=(
            "Durable resolutions by the AI times the cost of a conversation handled by a person, at the cost in"
            " effect on the day the conversation began. Includes resolutions that are still assumed."
        ),
        unit=Unit.MONEY,
        direction="up",
        area=Area.BUSINESS,
        computed=_of_ledger(_WHO_AND_WHERE, "gross_savings"),
    ),
    Kpi(
        id="net_savings",
        title="Net savings",
        meaning=(
            "Gross savings, plus the time that people save with integration data, less the costs of platform, "
            "integrations and upkeep for the range. The handle time is the tenant's setting, else measured."
        ),
        unit=Unit.MONEY,
        direction="up",
        area=Area.BUSINESS,
        computed=_of_ledger(_TENANT, "net_savings"),
    ),
    Kpi(
        id="roi",
        title="ROI",
        meaning=(
            "Net savings divided by the costs of platform, integrations and upkeep, as a percentage: 50 % is "
            "0.50 earned for each 1 spent, after costs. Rests on counted resolutions, and on a lift only where the "
            "handle time is not set: then on the adjusted one, an association, never on an experiment's causal lift."
        ),
        unit=Unit.MONEY_RATIO,
        direction="up",
        area=Area.BUSINESS,
        computed=_of_ledger(_TENANT, "roi", Makeup.NEITHER),
    ),
    Kpi(
        id="influenced_revenue",
        title="Influenced revenue",
        meaning=(
            "Sales less refunds of conversations that used integration data, or whose customer had one that did"
            " within the attribution window before. Influenced, not caused: some would have bought anyway."
        ),
        unit=Unit.MONEY,
        direction="up",
        area=Area.BUSINESS,
        computed=Statement(_WHO_AND_WHERE, influenced, parts_at_cut=True, makeup=Makeup.SUM),
    ),
    Kpi(
        id="conversion_lift",
        title="Conversion lift",
        meaning=(
            "Difference of the conversion rate with and without integration data, compared within stage and "
            "channel. An association, not an experiment: causal lift is in 'romashka experiment'."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.BUSINESS,
        computed=Statement(_LIFTED, _conversion_lift, has_total=False, parts_at_cut=True),
        minimum_volume=2 * ENOUGH,
    ),
    Kpi(
        id="csat_lift",
        title="CSAT lift",
        meaning=(
            "Difference of CSAT with and without integration data, compared within stage and channel. An "
            "association, not an experiment."
        ),
        unit=Unit.STARS,
        direction="up",
        area=Area.BUSINESS,
        computed=Statement(_LIFTED, _csat_lift, has_total=False, parts_at_cut=True),
        minimum_volume=2 * ENOUGH,
    ),
)
