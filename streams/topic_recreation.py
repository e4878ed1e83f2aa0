"""Notices that a topic was deleted and made again under a running worker (docs/adr/0008-topic-epoch.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from models.errors import RomashkaError, Unreachable

LOOK_SECONDS: Final = 30.0


async def watch_epochs(read: Callable[[], Mapping[str, int]], epochs: Mapping[str, int]) -> None:
    """Go on for as long as the topics are those of ``epochs``; ``read`` blocks and returns what they are now.

    Raises
    ------
    RomashkaError
        A topic is another one, or gone: what this worker counts would be taken for the old topic's.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            found = await asyncio.to_thread(read)
        except Unreachable:
            continue  # the watchdog knows what to do about that
        if other := sorted(name for name, epoch in epochs.items() if found[name] != epoch):
            raise RomashkaError(
                f"{', '.join(other)} was deleted and made again while this worker ran; what it read in the last "
                f"{LOOK_SECONDS:.0f} s may be counted under the old topic. Start it again, it begins with the new one"
            )
