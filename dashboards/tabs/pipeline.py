"""Pipeline Health: whether the system itself keeps up. For us, not for tenants."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Origin, Panel, PanelQuery, PanelRow, PanelType, Tab, Thresholds
from dashboards.tabs import names
from kpis.kpi import Unit
from kpis.sql.dialect import Dialect
from models.nearest_rank import nearest_rank_of

_SILENT: Final = "Prometheus has no such metric: no worker runs, or it is not scraped"
_TIME: Final = {PanelType.TIME_SERIES, PanelType.TIME_BARS}


def _metric(expression: str, legend: str = "") -> PanelQuery:
    return PanelQuery(frozenset(), lambda _: expression, Origin.METRICS, legend)


def _watched(
    id_: int,
    title: str,
    description: str,
    expression: str,
    unit: Unit,
    *,
    legend: str = "",
    picture: PanelType = PanelType.TIME_SERIES,
    lines: tuple[float | None, float | None] | None = None,
    no_data: str = _SILENT,
) -> Panel:
    """Return a panel of one metric; ``lines`` are warning and critical, the higher the worse."""
    on_time = picture in _TIME
    return Panel(
        id=id_,
        title=title,
        description=description,
        picture=picture,
        asks={"A": _metric(expression, legend)},
        no_data=no_data,
        width=12 if on_time or picture is PanelType.BAR_GAUGE else 8,
        height=8 if on_time or picture is PanelType.BAR_GAUGE else 4,
        unit=unit,
        thresholds=None if lines is None else Thresholds("down", *lines),
        stacked=picture is PanelType.TIME_BARS,
    )


def _p95(metric: str, by: str = "") -> str:
    """Return the expression of a histogram's 95 % quantile in milliseconds."""
    labels = f"le, {by}" if by else "le"
    return f"1000 * histogram_quantile(0.95, sum by ({labels}) (rate({metric}_bucket[5m])))"


def _letters(dialect: Dialect) -> str:
    return f"""
SELECT topic, stage, reason, count() AS messages, countIf(replayed_at IS NOT NULL) AS replayed,
    max(received_at) AS newest, argMax(detail, received_at) AS example
FROM dead_letters FINAL
WHERE received_at >= {dialect.start} AND received_at < {dialect.end}
GROUP BY topic, stage, reason
ORDER BY messages DESC
LIMIT 100"""


def _statements(dialect: Dialect) -> str:
    return f"""
SELECT toStartOfFiveMinutes(event_time) AS time, toString(user) AS role,
    {nearest_rank_of("groupArray(query_duration_ms)", 0.95)} AS p95
FROM system.query_log
WHERE type = 'QueryFinish' AND startsWith(user, 'grafana_') AND event_date >= toDate({dialect.start})
    AND event_time >= {dialect.start} AND event_time < {dialect.end}
GROUP BY time, role
ORDER BY time, role"""


_NUMBERS: Final = PanelRow(
    "At a glance",
    (
        _watched(
            1,
            "Consumer lag",
            "How many messages wait? "
            "Messages in Kafka that are not durable in ClickHouse yet, over all topics. A restart adds up to 32,768 "
            "for each partition, for seconds.",
            "sum(romashka_consumer_lag)",
            Unit.COUNT,
            picture=PanelType.STAT,
            lines=(50_000, 1_000_000),
        ),
        _watched(
            2,
            "Messages per minute",
            "How many messages come in a minute? Messages read from Kafka, valid or not, over the last five minutes.",
            "60 * sum(rate(romashka_messages_total[5m]))",
            Unit.COUNT,
            picture=PanelType.STAT,
        ),
        _watched(
            3,
            "Dead letter rate",
            "How many are rejected? "
            "Share of messages of the last 15 minutes that broke the contract; romashka dead-letters has them.",
            "(sum(rate(romashka_dead_letters_total[15m])) or vector(0)) "
            "/ (sum(rate(romashka_messages_total[15m])) > 0)",
            Unit.RATIO,
            picture=PanelType.STAT,
            lines=(0.01, 0.1),
            no_data="No message in 15 minutes",
        ),
        _watched(
            4,
            "Watermark delay",
            "How late do the detectors see? "
            "Wall clock less watermark, the worst partition. Up to 90 seconds is normal.",
            "max(romashka_watermark_delay_seconds) / 60",
            Unit.MINUTES,
            picture=PanelType.STAT,
            lines=(3, 30),
        ),
        _watched(
            5,
            "Insert failures",
            "How many inserts fail? "
            "Inserts of the last hour that ClickHouse refused or left unanswered. They are tried again.",
            "sum(increase(romashka_insert_failures_total[1h]))",
            Unit.COUNT,
            picture=PanelType.STAT,
            lines=(3, None),
        ),
        _watched(
            6,
            "Leaders",
            "How many workers lead? One worker does the periodic jobs. None: roll-ups, forecasts and scores get old.",
            "sum(romashka_leader)",
            Unit.COUNT,
            picture=PanelType.STAT,
        ),
    ),
)

_FLOW: Final = PanelRow(
    "Does everything get through?",
    (
        _watched(
            10,
            "Consumer lag by topic",
            "Which topics are behind? "
            "Messages that are not durable yet, by topic. A rising line means too few workers or a slow ClickHouse.",
            "sum by (topic) (romashka_consumer_lag)",
            Unit.COUNT,
            legend="{{topic}}",
        ),
        _watched(
            11,
            "Messages per minute by topic",
            "How much comes in on each topic? Messages a minute by topic.",
            "60 * sum by (topic) (rate(romashka_messages_total[5m]))",
            Unit.COUNT,
            legend="{{topic}}",
        ),
        _watched(
            12,
            "Insert time p95 by table",
            "How long do inserts take? "
            "95 % of inserts take no longer, by table. Merges, too many parts and heavy queries slow them down.",
            _p95("romashka_insert_seconds", "table"),
            Unit.MILLISECONDS,
            legend="{{table}}",
        ),
        _watched(
            13,
            "Pending rows by worker",
            "How full are the workers' buffers? "
            "Rows that wait to be written, by worker. At 200,000 a worker stops reading until ClickHouse takes them.",
            "max by (instance) (romashka_pending_rows)",
            Unit.COUNT,
            legend="{{instance}}",
            lines=(160_000, 200_000),
        ),
        _watched(
            14,
            "Dead letters by reason",
            "Which messages are rejected, and why? "
            "Dead letters by reason in five minutes. A step up right after a deployment is a producer's mistake.",
            "sum by (reason) (increase(romashka_dead_letters_total[5m]))",
            Unit.COUNT,
            legend="{{reason}}",
            picture=PanelType.TIME_BARS,
            no_data="No message was rejected, as far as Prometheus knows",
        ),
        _watched(
            15,
            "Watermark delay by topic",
            "How far is each topic's watermark behind? "
            "Wall clock less watermark in minutes, the worst partition of each topic.",
            "max by (topic) (romashka_watermark_delay_seconds) / 60",
            Unit.MINUTES,
            legend="{{topic}}",
            lines=(3, 30),
        ),
    ),
)

_WORK: Final = PanelRow(
    "Do detectors and jobs keep up?",
    (
        _watched(
            20,
            "Detector scoring time p95",
            "How long does judging take? 95 % of slices of minutes are judged within this time.",
            _p95("romashka_scoring_seconds"),
            Unit.MILLISECONDS,
            legend="95 %",
        ),
        _watched(
            21,
            "Detector backlog by worker",
            "How many minutes wait to be judged? Closed minutes that no detector has seen yet, by worker.",
            "max by (instance) (romashka_scoring_backlog_minutes)",
            Unit.COUNT,
            legend="{{instance}}",
            lines=(60, None),
        ),
        _watched(
            22,
            "Refused detector states",
            "How often could a detector's state not be trusted? "
            "Stored states that were refused within an hour, by what was taken instead. A changed secret, or a "
            "restored backup.",
            "sum by (instead) (increase(romashka_detector_states_refused_total[1h]))",
            Unit.COUNT,
            legend="{{instead}}",
            picture=PanelType.TIME_BARS,
            no_data="Every state could be trusted, as far as Prometheus knows",
        ),
        # The worker calls the label job; Prometheus has a job of its own and renames it.
        _watched(
            23,
            "Time since last job success",
            "When did each job last succeed? "
            "Minutes since the last success of each periodic job. How often each is due: romashka jobs list.",
            "(time() - max by (exported_job) (romashka_job_last_success_timestamp_seconds)) / 60",
            Unit.MINUTES,
            legend="{{exported_job}}",
            picture=PanelType.BAR_GAUGE,
        ),
    ),
)

_QUESTIONS: Final = PanelRow(
    "What was rejected, and are the dashboards quick?",
    (
        Panel(
            id=40,
            title="Dead letters",
            description="What exactly is wrong with rejected messages? "
            "Dead letters of this range by topic, stage and reason, with the newest example; romashka "
            "dead-letters show opens one, replay sends it again.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), _letters)},
            no_data="No message was rejected in this range",
            width=24,
            height=9,
            columns=(
                Column("topic", "Topic", width=210),
                Column("stage", "Stage"),
                Column("reason", "Reason", width=140),
                Column("messages", "Messages", Unit.COUNT),
                Column("replayed", "Sent again", Unit.COUNT),
                Column("newest", "Newest", moment="minute"),
                Column("example", "Example", wrap=True),
            ),
        ),
        Panel(
            id=50,
            title="Dashboard query time p95",
            description="How long do the dashboards' own statements take? "
            "95 % of the statements of each Grafana user take no longer, by five minutes. Below a second "
            "is expected; above it, see whether a roll-up is behind.",
            picture=PanelType.TIME_SERIES,
            asks={"A": PanelQuery(frozenset(), _statements, Origin.SERVER_LOG)},
            no_data="Grafana has asked nothing in this range",
            width=24,
            height=8,
            unit=Unit.MILLISECONDS,
            thresholds=Thresholds("down", 1_000, 5_000),
            columns=(Column("p95", "95 %", Unit.MILLISECONDS),),
            by=("role",),
        ),
    ),
)

TAB: Final = Tab(
    uid=names.PIPELINE,
    title="Pipeline Health",
    about="Does the system itself keep up?",
    rows=(_NUMBERS, _FLOW, _WORK, _QUESTIONS),
    variables=(),
    audience="operations",
    span="6h",
    refresh="30s",
    kinds=(),
)
