"""The command as a process: what is set up before libraries are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

_PROGRAM = (
    "import sys; import cli.main; assert 'pyarrow' not in sys.modules; sys.argv = ['romashka', '--version']\n"
    "try: cli.main.main()\n"
    "except SystemExit: pass\n"
    "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
)


def _allocator(more: Mapping[str, str]) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**inherited, **more}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_arrow_allocates_from_the_system_unless_told_otherwise() -> None:
    assert _allocator({}) == "system"
    assert _allocator({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}) == "mimalloc"
