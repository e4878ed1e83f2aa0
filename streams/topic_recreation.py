"""Detects that a topic was deleted and recreated while a worker runs (docs/adr/0008-topic-epoch.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from models.errors import RomashkaError, Unreachable

LOOK_SECONDS: Final = 30.0


async def watch_epochs(read: Callable[[], Mapping[str, int]], epochs: Mapping[str, int]) -> None:
    """Run while the topics have the given ``epochs``; ``read`` blocks and returns the present ones.

    Raises
    ------
    RomashkaError
        A topic was recreated or deleted: its events would be counted under the old topic.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            found = await asyncio.to_thread(read)
        except Unreachable:
            continue  # the watchdog handles an unreachable broker
        if other := sorted(name for name, epoch in epochs.items() if found[name] != epoch):
            raise RomashkaError(
                f"{', '.join(other)} was deleted and made again while this worker ran; what it read in the last "
                f"{LOOK_SECONDS:.0f} s may be counted under the old topic. Start it again, it begins with the new one"
            )
