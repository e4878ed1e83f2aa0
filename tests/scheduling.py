"""Which tests run in one process, where several share the work."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped] # it carries no type information

# Its tests read the same simulated week, which takes half as long to make as they take to run.
_TOGETHER: Final = "tests/integration/week/"


class FilesAndWeek(LoadFileScheduling):  # type: ignore[misc] # for the same reason
    """A file's tests stay together, as do those of all files that share the week."""

    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.split("::", 1)[0]
