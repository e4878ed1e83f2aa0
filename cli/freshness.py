"""How far the roll-ups of conversations are behind what is stored, and what to do about it."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from cli.console import err
from kpis.stale import CONVERSATIONS_BEHIND, uncounted
from sinks.reading import ask


def behind(client: Client) -> str:
    """Return in words how far figures of conversations are behind; nothing where they keep up."""
    seconds = int(ask(client, CONVERSATIONS_BEHIND, {})[0]["seconds"])
    if not (words := uncounted(seconds)):
        return ""
    return f"{words}; start a worker, which counts them every half minute, or run 'romashka jobs run roll-ups'"


def say_if_behind(client: Client) -> None:
    """Tell whoever asks for figures, beside the answer."""
    if words := behind(client):
        err.print(words, style="yellow", highlight=False)
