"""Which tests run in one process, where several share the work."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped] # it carries no type information

# Their tests read the same simulated days, which take half as long to make as they take to run.
_TOGETHER: Final = ("tests/integration/week/", "tests/integration/tuesday/")


class FilesAndWeek(LoadFileScheduling):  # type: ignore[misc] # for the same reason
    """A file's tests stay together, as do those of all files that share the simulated days."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((folder for folder in _TOGETHER if nodeid.startswith(folder)), None)
        return shared or nodeid.split("::", 1)[0]
