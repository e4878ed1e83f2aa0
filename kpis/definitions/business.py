"""Business impact: savings, return on investment, influenced revenue, and what data adds to sales and satisfaction."""

from __future__ import annotations

from typing import Final

from kpis.analyses import ledger, lift
from kpis.asked import Asked
from kpis.attribution import influenced
from kpis.formulas import share
from kpis.kpi import Area, Kpi, Statement, Unit
from kpis.scope import Interval
from kpis.sources.conversations import DIMENSIONS
from kpis.statistics import ENOUGH
from models.errors import SettingsError

_TENANT: Final = {"tenant": DIMENSIONS["tenant"]}
_WHO_AND_WHERE: Final = {name: DIMENSIONS[name] for name in ("tenant", "provider", "channel", "country", "segment")}
_LIFTED: Final = {name: DIMENSIONS[name] for name in ("tenant", "stage", "channel", "country", "segment")}

_SEVERAL: Final = "amounts of several tenants are not added up: ask for one tenant, or split by tenant"
_NOBODY: Final = "no conversations came in, and no costs are set"
_NOT_SET: Final = "not set on every day of the range: "
_HOW: Final = "; enter it with romashka tenant settings set"

# Of an aggregated row of the ledger: durable resolutions more or fewer, by chance, in money.
_BOUNDS: Final = share("durable", "conversations")
_SUMS: Final = (
    "sum(l.conversations) AS conversations, sum(l.durable) AS durable, sum(l.gross) AS gross, "
    "sum(l.at_most) AS at_most, sum(l.minutes_money) AS minutes_money, sum(l.cost) AS cost, "
    "uniqExact(user_id) AS tenants, groupUniqArrayArray(l.lacking) AS all_missing"
)


def _gross(asked: Asked) -> str:
    low, high = (f"toFloat64(at_most) * ({bound})" for bound in (_BOUNDS.low, _BOUNDS.high))
    return _money(asked, ledger.GROSS_NEEDS, "toDecimal128(round(gross, 2), 2)", (low, high))


def _net(asked: Asked) -> str:
    return _money(asked, ledger.NET_NEEDS, f"toDecimal128(round({_NET}, 2), 2)", _net_bounds())


def _roi(asked: Asked) -> str:
    low, high = (f"({bound}) / toFloat64(nullIf(cost, 0))" for bound in _net_bounds())
    return _money(asked, ledger.NET_NEEDS, f"toFloat64({_NET}) / toFloat64(nullIf(cost, 0))", (low, high))


_NET: Final = "(toDecimal128(gross, 8) + toDecimal128(minutes_money, 8) / 60 - cost)"


def _net_bounds() -> tuple[str, str]:
    rest = f"(toFloat64({_NET}) - toFloat64(gross))"
    return (
        f"{rest} + toFloat64(at_most) * ({_BOUNDS.low})",
        f"{rest} + toFloat64(at_most) * ({_BOUNDS.high})",
    )


def _money(asked: Asked, needs: tuple[str, ...], value: str, bounds: tuple[str, str]) -> str:
    """Return a money figure of the ledger: no value where a price it needs is missing, and a note that says which."""
    if needs == ledger.NET_NEEDS and asked.every in {Interval.MINUTE, Interval.HOUR}:
        raise SettingsError("costs are spread over days: ask for this figure every day or every week")
    if needs == ledger.NET_NEEDS and asked.filters:
        raise SettingsError(f"costs are the tenant's as a whole: this figure cannot be narrowed by {asked.filters[0]}")
    columns = "".join(f"{name}, " for name in asked.columns)
    listed = ", ".join(f"'{name}'" for name in needs)
    return f"""
WITH {ledger.ledger(asked)},
summed AS (SELECT {columns} {_SUMS}, arrayFilter(one -> one IN ({listed}), all_missing) AS lacking
    FROM ledger AS l {asked.grouping}),
explained AS
(
    SELECT *, multiIf(
        tenants > 1, '{_SEVERAL}',
        tenants = 0, '{_NOBODY}',
        notEmpty(lacking), concat('{_NOT_SET}', arrayStringConcat(arraySort(lacking), ', '), '{_HOW}'),
        '') AS note
    FROM summed
)
SELECT {columns}
    if(note = '', {value}, NULL) AS value,
    conversations AS n,
    if(note = '', {bounds[0]}, NULL) AS low,
    if(note = '', {bounds[1]}, NULL) AS high,
    note
FROM explained
"""


def _conversion_lift(asked: Asked) -> str:
    return lift.standardised(asked, _LIFTED, lift.CONVERTED)


def _csat_lift(asked: Asked) -> str:
    return lift.standardised(asked, _LIFTED, lift.STARS)


KPIS: Final = (
    Kpi(
        id="gross_savings",
        title="Gross savings",
        meaning="Durable resolutions by the AI times what a conversation handled by a person costs, at the cost in "
        "force on the day the conversation came in. Includes resolutions that are still assumed to last.",
        unit=Unit.MONEY,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_WHO_AND_WHERE, _gross),
    ),
    Kpi(
        id="net_savings",
        title="Net savings",
        meaning="Gross savings, plus the time that people save with integration data, less the costs of platform, "
        "integrations and upkeep for the range. The handle time is the tenant's setting, else measured.",
        unit=Unit.MONEY,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_TENANT, _net),
    ),
    Kpi(
        id="roi",
        title="ROI",
        meaning="Net savings divided by the costs of platform, integrations and upkeep: 0.5 is 50 cents earned on "
        "each one spent, after it was paid back.",
        unit=Unit.MONEY_RATIO,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_TENANT, _roi),
    ),
    Kpi(
        id="influenced_revenue",
        title="Influenced revenue",
        meaning="Sales less refunds of conversations that used integration data, or whose customer had one that did "
        "within the attribution window before. Influenced, not caused: some would have bought anyway.",
        unit=Unit.MONEY,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_WHO_AND_WHERE, influenced),
    ),
    Kpi(
        id="conversion_lift",
        title="Conversion lift",
        meaning="How many more of a hundred conversations convert with integration data than without, alike in stage "
        "and channel. An association, not an experiment.",
        unit=Unit.RATIO,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_LIFTED, _conversion_lift),
        minimum_volume=2 * ENOUGH,
    ),
    Kpi(
        id="csat_lift",
        title="CSAT lift",
        meaning="How many stars more customers give with integration data than without, alike in stage and channel. "
        "An association, not an experiment.",
        unit=Unit.STARS,
        good="up",
        area=Area.BUSINESS,
        computed=Statement(_LIFTED, _csat_lift),
        minimum_volume=2 * ENOUGH,
    ),
)
