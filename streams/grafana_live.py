"""Pushes figures of the last minutes to Grafana Live, so that a panel updates without a ClickHouse query.

Optional: the dashboard's own refresh shows the same a few seconds later. A failed push is not retried, because the next
one follows within seconds.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from clickhouse_connect.driver.client import Client

from kpis.query import ALL_TENANTS, Scope, build_query
from models.errors import SettingsError
from models.insights import Insight
from storage.reading import query_rows
from streams.job import Job

log = logging.getLogger(__name__)

STREAM: Final = "romashka"
MEASUREMENT: Final = "monitor"
_EVERY: Final = timedelta(seconds=5)
# Whole minutes and the running one: long enough for a share and a quantile, short enough to follow.
_OVER: Final = timedelta(minutes=5)
_ANSWER_SECONDS: Final = 3.0
# Totals over all tenants: a viewer of the stream does not see the traffic of a single tenant.
_FIGURES: Final = ("query_count", "error_rate", "latency_p95_ms")
_ESCAPED: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ "})


class LivePush:
    """The leader's job that pushes figures to Grafana Live.

    Parameters
    ----------
    url
        Grafana's address, for example ``http://grafana:3000``.
    token
        Token of a service account that may publish to Live (role Editor or Admin).

    Raises
    ------
    SettingsError
        The address is not one of http or https.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(f"ROMASHKA_GRAFANA_LIVE_URL is '{url}'; expected for example http://grafana:3000")
        connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connect = partial(connection, parts.hostname, parts.port, timeout=_ANSWER_SECONDS)
        self._path = f"{parts.path.rstrip('/')}/api/live/push/{STREAM}"
        self._token = token
        self.failures = 0

    def job(self) -> Job:
        """Return the job."""
        return Job("grafana-live", _EVERY, self.run, stays=True)

    def run(self, client: Client, now: datetime) -> Sequence[Insight]:
        """Push the figures of the minutes before ``now``; an unavailable Grafana is not a failure of the job."""
        running = now.replace(second=0, microsecond=0)
        scope = Scope(running + timedelta(minutes=1) - _OVER, now, ALL_TENANTS)
        rows = query_rows(client, *build_query(_FIGURES, scope, by=("provider",)))
        if text := lines(rows, (now - scope.first) / timedelta(minutes=1), now):
            self.push(text)
        return ()

    def push(self, text: str) -> None:
        """Send lines; where that fails, count it, and say so the first time."""
        if (wrong := self._sent(text)) is not None:
            self.failures += 1
            if self.failures == 1:  # the push repeats every few seconds: log once
                log.warning("Grafana Live does not take figures: %s", wrong)
        elif self.failures:
            log.info("Grafana Live takes figures again, after %d that were lost", self.failures)
            self.failures = 0

    def _sent(self, text: str) -> str | None:
        """Return what went wrong."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "text/plain; charset=utf-8"}
        connection = self._connect()
        try:
            connection.request("POST", self._path, text.encode(), headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        else:
            return None if answer.status < HTTPStatus.MULTIPLE_CHOICES else f"{answer.status} {answer.reason}"
        finally:
            connection.close()


def lines(rows: Iterable[Mapping[str, Any]], minutes: float, now: datetime) -> str:
    """Return figures of the last minutes in InfluxDB's line protocol, one line for each integration."""
    at = int(now.astimezone(UTC).timestamp() * 1000) * 1_000_000
    return "\n".join(
        f"{MEASUREMENT},integration={str(row['provider']).translate(_ESCAPED)} "
        f"queries_per_minute={row['query_count'] / minutes:.2f},"
        f"error_rate={row['error_rate']:.4f},latency_p95_ms={row['latency_p95_ms']:.1f} {at}"
        for row in rows
        if row["query_count"]
    )
