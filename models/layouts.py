"""Layouts of the query topic: over how many partitions keys are spread, and from which offset of each partition on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

PLANNED: Final = "planned"
DRAINED: Final = "drained"
OPENED: Final = "opened"
# Rows that concern no single partition.
EVERY_PARTITION: Final = -1


class Layout(NamedTuple):
    """A layout that is in force.

    ``first`` has the offset from which it counts, by partition; in a partition that is left out it counts from 0.
    """

    generation: int
    partitions: int
    first: Mapping[int, int] = {}

    def begins(self, partition: int) -> int:
        """Return the offset from which the layout counts in a partition."""
        return self.first.get(partition, 0)


class PendingLayout(NamedTuple):
    """A layout that is planned; ``drained`` has its boundary in the partitions that were read and stored up to it."""

    generation: int
    partitions: int
    drained: Mapping[int, int] = {}


class Layouts(NamedTuple):
    """Every layout of a topic, oldest first, and the one that is planned."""

    opened: tuple[Layout, ...] = ()
    pending: PendingLayout | None = None

    @property
    def generation(self) -> int:
        """The number of the newest layout in force."""
        return self.opened[-1].generation if self.opened else 0


def layouts_of(rows: Iterable[Mapping[str, Any]]) -> Layouts:
    """Return the layouts of rows of ``topic_layouts``, oldest row first: of contradicting rows the first counts."""
    opened: dict[int, Layout] = {}
    firsts: dict[int, dict[int, int]] = {}
    planned: dict[int, int] = {}
    drained: dict[int, dict[int, int]] = {}
    for row in rows:
        generation, partition = int(row["generation"]), int(row["partition"])
        if row["event"] == PLANNED:
            planned.setdefault(generation, int(row["partitions"]))
        elif row["event"] == DRAINED:
            drained.setdefault(generation, {}).setdefault(partition, int(row["boundary"]))
        else:
            first = firsts.setdefault(generation, {})
            opened.setdefault(generation, Layout(generation, int(row["partitions"]), first))
            if partition != EVERY_PARTITION:
                first.setdefault(partition, int(row["boundary"]))
    newest = max(opened, default=-1)
    coming = min((generation for generation in planned if generation > newest), default=None)
    pending = None if coming is None else PendingLayout(coming, planned[coming], drained.get(coming, {}))
    return Layouts(tuple(opened[generation] for generation in sorted(opened)), pending)
