"""How right the detectors are: precision by kind over time, by tenant and detector, and changes of thresholds."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelQuery, PanelType
from dashboards.tabs import names
from dashboards.tabs.parts import EMPTY, tenant_and_id, tenant_columns
from detectors.incidents.kinds import KINDS
from detectors.thresholds import DEFAULTS
from kpis.analyses.verdicts import last_verdicts, precision
from kpis.kpi import Unit
from kpis.sql.dialect import Dialect
from models.insights import ALL_TENANTS_ID

_KINDS: Final = ", ".join(f"'{kind}'" for kind in KINDS)
_DETECTORS: Final = ", ".join(f"'{kind.channels[0]}'" for kind in KINDS.values())
_NAMES: Final = ", ".join(f"'{name}'" for name in DEFAULTS)
_DEFAULTS: Final = ", ".join(f"toFloat64({value:g})" for value in DEFAULTS.values())


def _over_time(dialect: Dialect) -> str:
    return f"""
SELECT toDateTime(toStartOfWeek(decided_at, 1), 'UTC') AS time, kind,
    countIf(verdict = 'real') / nullIf(countIf(verdict IN ('real', 'false_alarm')), 0) AS precision
FROM ({last_verdicts(dialect)})
WHERE verdict != ''
GROUP BY time, kind
HAVING precision IS NOT NULL
ORDER BY time, kind"""


def _by_tenant(dialect: Dialect) -> str:
    newest = (
        "SELECT t.user_id AS user_id, toString(t.detector) AS detector, argMax(t.value, t.version) AS value "
        "FROM detector_thresholds AS t FINAL GROUP BY t.user_id, t.detector"
    )
    return f"""
SELECT {tenant_and_id("v.user_id")}, v.detector AS detector, v.real AS real, v.false_alarms AS false_alarms,
    v.known AS known, v.real / nullIf(v.real + v.false_alarms, 0) AS precision,
    romashka_wilson_low(v.real, v.real + v.false_alarms) AS low,
    romashka_wilson_high(v.real, v.real + v.false_alarms) AS high,
    multiIf(own.value > 0, own.value, every.value > 0, every.value,
        transform(v.detector, [{_NAMES}], [{_DEFAULTS}], 0.)) AS threshold
FROM
(
    SELECT user_id, transform(kind, [{_KINDS}], [{_DETECTORS}], '') AS detector, countIf(verdict = 'real') AS real,
        countIf(verdict = 'false_alarm') AS false_alarms, countIf(verdict = 'known') AS known
    FROM ({last_verdicts(dialect)})
    WHERE verdict != '' AND user_id != toUUID('{ALL_TENANTS_ID}')
    GROUP BY user_id, detector
    HAVING detector != ''
) AS v
LEFT JOIN ({newest}) AS own ON own.user_id = v.user_id AND own.detector = v.detector
LEFT JOIN (SELECT detector, value FROM ({newest}) WHERE user_id = toUUID('{ALL_TENANTS_ID}')) AS every
    ON every.detector = v.detector
ORDER BY false_alarms DESC, real DESC, tenant, detector
LIMIT 200"""


def _changes(dialect: Dialect) -> str:
    everybody = f"user_id = toUUID('{ALL_TENANTS_ID}')"
    return f"""
SELECT effective_from AS since, {tenant_and_id("user_id")}, toString(detector) AS detector, old_value, value, reason,
    actor
FROM detector_thresholds FINAL
WHERE ({dialect.tenant("user_id")} OR {everybody}) AND effective_from >= {dialect.start}
    AND effective_from < {dialect.end}
ORDER BY since DESC, version DESC
LIMIT 200"""


_NO_VERDICT: Final = "Nobody gave a verdict in this range: 'romashka insights resolve' gives one"
_VERDICTS: Final = (
    Column("real", "Real", Unit.COUNT),
    Column("false_alarms", "False alarms", Unit.COUNT),
    Column("known", "Known", Unit.COUNT),
    Column("precision", "Precision", Unit.RATIO),
    Column("low", "Low", Unit.RATIO),
    Column("high", "High", Unit.RATIO),
)
PANELS: Final = (
    Panel(
        id=34,
        title="Precision by kind of finding",
        description="How often were findings right? The verdicts of those who resolved them in this range "
        "(`romashka insights resolve`): real / (real + false alarms), with its 95 % interval. Known problems count "
        "neither way.",
        picture=PanelType.TABLE,
        asks={"A": PanelQuery(frozenset(), precision)},
        no_data=_NO_VERDICT,
        width=24,
        height=6,
        columns=(
            Column("kind", "Kind"),
            *_VERDICTS,
        ),
    ),
    Panel(
        id=35,
        title="Precision over time",
        description="Are findings more often right than before? By kind and week of the verdict: real / (real + false "
        "alarms). Marks are changes of thresholds. A kind has no point in a week without verdicts.",
        picture=PanelType.TIME_SERIES,
        asks={"A": PanelQuery(frozenset(), _over_time)},
        no_data=_NO_VERDICT,
        width=24,
        height=8,
        unit=Unit.RATIO,
        columns=(Column("precision", "Precision"),),
        by=("kind",),
    ),
    Panel(
        id=36,
        title="Precision by tenant and detector",
        description="Whose findings are often wrong? The verdicts given in this range, and the threshold that holds "
        "now. 'romashka thresholds propose' says what they lead to.",
        picture=PanelType.TABLE,
        asks={"A": PanelQuery(frozenset(), _by_tenant)},
        no_data=_NO_VERDICT,
        width=24,
        height=8,
        columns=(
            *tenant_columns(names.PREDICTIVE, 130),
            Column("detector", "Detector"),
            *_VERDICTS,
            Column("threshold", "Threshold", Unit.SCORE),
        ),
    ),
    Panel(
        id=37,
        title="Threshold changes",
        description="Which thresholds changed, and why? Each is reversible: 'romashka thresholds revert'.",
        picture=PanelType.TABLE,
        asks={"A": PanelQuery(frozenset(), _changes)},
        no_data=EMPTY,
        width=24,
        height=6,
        columns=(
            Column("since", "Since", moment="minute"),
            *tenant_columns(names.PREDICTIVE, 130),
            Column("detector", "Detector", width=130),
            Column("old_value", "Before", Unit.SCORE, width=90),
            Column("value", "Now", Unit.SCORE, width=90),
            Column("reason", "Why", wrap=True),
            Column("actor", "By", width=110),
        ),
    ),
)
