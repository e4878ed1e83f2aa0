"""A worker on a machine whose clock is wrong by as many seconds as a file says, until it says otherwise."""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from pathlib import Path

from cli.commands.worker import worker_config
from cli.console import log_to_stderr
from cli.settings import settings
from models.errors import RomashkaError
from streams.worker import run_worker


def wall(file: Path) -> float:
    """Return what the machine's clock says."""
    return time.time() + float(file.read_text() or 0)


def main() -> int:
    """Run the worker until it is stopped."""
    config = settings()
    log_to_stderr(config.log_format)
    try:
        asyncio.run(run_worker(worker_config(config)._replace(wall=partial(wall, Path(sys.argv[1])))))
    except RomashkaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
