"""The log a supervisor keeps of its server."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from embedded.supervisor import keep_log


def _logged(chunks: list[bytes], log_file: Path, limit: int) -> bytes:
    read_end, write_end = os.pipe()
    keeper = threading.Thread(target=keep_log, args=(read_end, log_file, limit))
    keeper.start()
    for chunk in chunks:
        os.write(write_end, chunk)
    os.close(write_end)
    keeper.join()
    os.close(read_end)
    return log_file.read_bytes()


def test_the_log_has_what_the_server_printed(tmp_path: Path) -> None:
    assert _logged([b"one\n", b"two\n"], tmp_path / "log", limit=100) == b"one\ntwo\n"


def test_the_log_stays_within_its_limit_and_keeps_the_end(tmp_path: Path) -> None:
    lines = [b"line %d\n" % number for number in range(1000)]

    log = _logged(lines, tmp_path / "log", limit=100)

    assert len(log) <= 100
    assert log.endswith(b"line 999\n")


def test_a_chunk_larger_than_the_limit_is_cut_to_its_end(tmp_path: Path) -> None:
    assert _logged([b"x" * 50 + b"end"], tmp_path / "log", limit=10) == b"xxxxxxxend"
