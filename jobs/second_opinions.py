"""Adds second opinions to the factors of incidents of errors or latency, where they agree.

A job rather than a part of the worker's detection: nobody waits for it, and what it imports would double a worker's
memory. A worker holds no minutes of a series beside its detectors, so an incident's hours are read back, with one
statement. Only the row is written: no message on the topic comes after the worker's own, and nothing is counted twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from detectors.incidents.second_opinion import BEFORE, CHANNELS, METHODS, WITHIN, IncidentSpan, opinions
from models.insights import ALL_TENANTS_ID, Insight
from sinks.insight_rows import insight_rows
from sinks.sink import Sink
from storage.detector_store import DetectorStore
from storage.insight_store import insight_from_row
from storage.reading import query_rows
from streams.job import Job

_EVERY: Final = timedelta(minutes=1)
# A leader that has just started looks at all of this again.
_HISTORY: Final = timedelta(days=28)
_MAX_A_RUN: Final = 50
# An incident that goes on is asked about again, while it is new.
_AGAIN: Final = timedelta(minutes=10)
_MINUTE: Final = timedelta(minutes=1)

_NEWEST: Final = f"""
SELECT {", ".join(Insight._fields)} FROM predictive_insights FINAL
WHERE insight_type = 'performance_anomaly' AND kind IN {{kinds:Array(String)}} AND user_id != {{all:UUID}}
    AND created_at >= {{since:DateTime64(3, 'UTC')}}
ORDER BY started_at DESC LIMIT 1000
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter


class SecondOpinions:
    """The job; its process remembers what it has asked.

    Parameters
    ----------
    detectors
        Reads minutes; ``sink`` writes insights.
    """

    def __init__(self, detectors: DetectorStore, sink: Sink) -> None:
        self._detectors = detectors
        self._sink = sink
        self._asked: dict[Insight, datetime] = {}

    def job(self) -> Job:
        """Return the job."""
        return Job("second-opinions", _EVERY, self.run, stays=True)

    def run(self, client: Client, now: datetime) -> list[Insight]:
        """Ask about incidents that are new or changed, newest first, at most 50; write those with an opinion.

        Raises
        ------
        Unreachable, SinkUnavailable
            ClickHouse does not answer.
        """
        parameters = {"kinds": list(CHANNELS), "all": ALL_TENANTS_ID, "since": now - _HISTORY}
        stored = [insight_from_row(row) for row in query_rows(client, _NEWEST, parameters, aware=True)]
        known = {one: self._asked[one] for one in stored if one in self._asked}
        due = [one for one in stored if one not in known or _goes_on(one, known[one], now)][:_MAX_A_RUN]
        told = [self._with_opinions(one, now) for one in due]
        if changed := [new for new, old in zip(told, due, strict=True) if new != old]:
            self._sink.write("predictive_insights", insight_rows(changed))
        self._asked = known | dict.fromkeys(told, now)
        return []

    def _with_opinions(self, insight: Insight, now: datetime) -> Insight:
        span = IncidentSpan(CHANNELS[insight.kind], insight.started_at, insight.ended_at or now)
        until = min(span.until, span.started_at + WITHIN) + _MINUTE
        series = (insight.user_id.bytes, insight.integration_provider)
        minutes = self._detectors.minutes_of([series], span.started_at - BEFORE, until).get(series, ())
        own = [one for one in insight.contributing_factors if not one.startswith(METHODS)]
        return insight._replace(contributing_factors=(*own, *opinions(minutes, span)))


def _goes_on(insight: Insight, asked_at: datetime, now: datetime) -> bool:
    """Whether there is more to see of an incident than when it was asked about."""
    return insight.ended_at is None and asked_at < insight.started_at + WITHIN and now - asked_at >= _AGAIN
