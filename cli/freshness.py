"""How far the roll-ups of conversations are behind what is stored, and what to do about it."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from cli.console import err
from kpis.rollups.freshness import CONVERSATIONS_BEHIND, EXPECTED_SECONDS, uncounted
from storage.reading import query_rows


def behind(client: Client, tolerated: int = EXPECTED_SECONDS) -> str:
    """Return in words how far figures of conversations are behind; nothing up to ``tolerated`` seconds."""
    seconds = int(query_rows(client, CONVERSATIONS_BEHIND, {})[0]["seconds"])
    if seconds <= tolerated:
        return ""
    if seconds <= EXPECTED_SECONDS:
        return f"{uncounted(seconds)}: a worker counts them every half minute"
    what_to_do = "start a worker, which counts them every half minute, or run 'romashka jobs run roll-ups'"
    return f"{uncounted(seconds)}; {what_to_do}"


def say_if_behind(client: Client, *, empty: bool = False) -> None:
    """Tell whoever asks for figures, beside the answer; where one is ``empty``, also what is about to be counted."""
    if words := behind(client, 0 if empty else EXPECTED_SECONDS):
        err.print(words, style="yellow", highlight=False)
