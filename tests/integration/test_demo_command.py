"""``romashka demo`` takes everything that it started with it when it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.worker_process import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long]


def test_a_demo_that_is_told_to_stop_leaves_no_process(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--out", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    started: list[psutil.Process] = []

    def with_worker() -> bool:
        assert demo.poll() is None
        started[:] = psutil.Process(demo.pid).children(recursive=True)
        return any(_is_worker(one) for one in started)

    try:
        wait_for(with_worker, 120)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(120) == 128 + signal.SIGTERM
        wait_for(lambda: not any(one.is_running() for one in started), 30)
    finally:
        demo.kill()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-2:] == ["cli.main", "worker"]
    except psutil.Error:
        return False
