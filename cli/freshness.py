"""Delay of the conversation roll-ups, and what to do about it."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from cli.console import err
from kpis.rollups.freshness import CONVERSATIONS_BEHIND, EXPECTED_SECONDS, uncounted
from storage.reading import query_rows


def behind(client: Client, tolerated: int = EXPECTED_SECONDS) -> str:
    """Return a text on the delay of conversation figures; empty up to ``tolerated`` seconds."""
    seconds = int(query_rows(client, CONVERSATIONS_BEHIND, {})[0]["seconds"])
    if seconds <= tolerated:
        return ""
    if seconds <= EXPECTED_SECONDS:
        return f"{uncounted(seconds)}: a worker counts them every half minute"
    what_to_do = "start a worker, which counts them every half minute, or run 'romashka jobs run roll-ups'"
    return f"{uncounted(seconds)}; {what_to_do}"


def say_if_behind(client: Client, *, empty: bool = False) -> None:
    """Print the delay beside the figures; for an ``empty`` result also a delay that is normal."""
    if words := behind(client, 0 if empty else EXPECTED_SECONDS):
        err.print(words, style="yellow", highlight=False)
