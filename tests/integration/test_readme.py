"""README's commands, as they stand in the file: extracted, run in order, and what they print looked at."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        os.environ.get("ROMASHKA_TEST_README") != "1",
        reason="takes two minutes; 'make test-readme' runs it",
    ),
    pytest.mark.timeout(1800),
]
ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK: Final = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PORTS: Final = ("9092", "8123", "8080")


def blocks() -> list[str]:
    """Return the blocks of the two sections that a newcomer follows, in order."""
    start, end = README.index("## Send the first event"), README.index("## Commands")
    return [found[2] for found in _BLOCK.finditer(README[start:end])]


def _note(text: str) -> None:
    """Show it where pytest is told to (-s): README quotes it."""
    sys.stdout.write(text + "\n")


def free() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


class Terminals:
    """Shells in one folder; README's ports are replaced by free ones, nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".venv").symlink_to(Path(sys.prefix))
        self._ports = {port: free() for port in _PORTS}
        kafka, clickhouse, api = (self._ports[port] for port in _PORTS)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "COLUMNS": "200",
            "ROMASHKA_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka}",
            "ROMASHKA_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse}",
            "ROMASHKA_API_PORT": api,
            "ROMASHKA_METRICS_PORT": "0",
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def written(self, block: str) -> str:
        for port, other in self._ports.items():
            block = block.replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}")
        kafka, clickhouse, _ = self._ports.values()
        ports = f"--kafka-port {kafka} --clickhouse-port {clickhouse}"
        return block.replace("romashka embedded\n", f"romashka embedded {ports}\n")

    def begin(self, block: str, said: str) -> None:
        """Run a block that does not end, until it has said something."""
        log = self.folder / f"terminal-{len(self._running)}.log"
        with log.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-ec", self.written(block)],
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running.append(shell)
        deadline = time.monotonic() + 300
        while said not in log.read_text(errors="replace"):
            assert shell.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.2)

    def set_key(self, key: str) -> None:
        """Let later blocks of that terminal have the key that an earlier one has made."""
        self._environment["KEY"] = key

    def run(self, *blocks: str) -> str:
        """Run blocks in one terminal and return what they printed."""
        text = "\n".join(self.written(block) for block in blocks)
        done = subprocess.run(
            ["bash", "-ec", text],
            check=False,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def end(self) -> None:
        for shell in reversed(self._running):
            if shell.poll() is not None:
                continue
            os.killpg(shell.pid, signal.SIGINT)
            try:
                shell.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    made = Terminals(tmp_path)
    yield made
    made.end()


def test_every_block_runs_as_it_stands_and_prints_what_the_text_says(terminals: Terminals) -> None:
    stack, worker, tracker, client, both, simulated, key, executive, report, strangers = blocks()
    terminals.begin(stack, "ROMASHKA_CLICKHOUSE_URL")
    terminals.begin(worker, "worker ready")
    (terminals.folder / "first_event.py").write_text(terminals.written(tracker))
    (terminals.folder / "any_client.py").write_text(terminals.written(client))
    said = terminals.run(both)
    _note(said)
    for line in README.split("one query of each:")[1].split("? too little")[0].strip().splitlines():
        assert line.strip() in said  # as README quotes it
    assert re.search(r"^\s*hubspot\b.* 1\b", said, re.MULTILINE)
    assert re.search(r"^\s*shopify\b.* 1\b", said, re.MULTILINE)

    terminals.begin(simulated, "http")
    began = time.monotonic()
    said = terminals.run(key, 'echo "KEY=$KEY"')
    terminals.set_key(said.split("KEY=")[1].split()[0])
    _note(said)
    for name in ("hubspot", "shopify", "zendesk"):
        assert re.search(rf"^{name} \d+\.\d% of \d+$", said, re.MULTILINE)
    while "everything is counted" not in (said := terminals.run(executive)):
        assert "are not counted yet" in said
        assert time.monotonic() - began < 600, said
        time.sleep(5)
    for line in re.findall(r"^    (.*?\{'\w+'): ", README, re.MULTILINE):
        assert line in said  # the panels that README quotes, whatever their values
    _note(f"conversations after {time.monotonic() - began:.0f} s\n{said}")
    said = terminals.run("source .venv/bin/activate", report, strangers)
    _note(said)
    assert '"status":401' in said
    assert "are as they were written" in said
    assert (terminals.folder / "monthly.pdf").read_bytes().startswith(b"%PDF-")
    assert (terminals.folder / "queries.parquet").read_bytes().startswith(b"PAR1")
