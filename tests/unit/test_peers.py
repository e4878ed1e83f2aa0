"""What `make bench` compares us with."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from benchmarks import contenders, report
from benchmarks.peers.job import PeerRecord, by_partition
from benchmarks.peers.limits import Limit
from benchmarks.rounds import Cpu, Measured, Sample, measured
from models.errors import RomashkaError

_ROOT = Path(__file__).parents[2]
_PINNED = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
_OURS = Measured(1_000, 30_000.0, Cpu(10e-6, 0.0, 4e-6, 0.0, 0.0), Cpu(0.5, 0.0, 0.2, 0.0, 0.0))


def test_frameworks_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    assert contenders.missing((contenders.OURS, *contenders.PEERS, *contenders.STOCK)) == ["arroyo", "quixstreams"]
    monkeypatch.setattr(contenders, "find_spec", importlib.util.find_spec)
    assert contenders.missing((contenders.OURS, *contenders.STOCK)) == []


def test_the_peers_are_pinned_beside_ours_and_pin_nothing_of_ours_again() -> None:
    group = tomllib.loads((_ROOT / "pyproject.toml").read_text())["dependency-groups"]["bench"]
    theirs = set(_PINNED.findall((_ROOT / "benchmarks" / "peers" / "constraints.txt").read_text()))
    ours = set(_PINNED.findall((_ROOT / "constraints.txt").read_text()))
    assert {re.split("[>=]", one)[0] for one in group} <= theirs
    assert not theirs & ours


def test_records_are_grouped_by_partition_in_order() -> None:
    first, second, third = (PeerRecord(offset, b"k", b"v") for offset in range(3))
    assert by_partition([(1, first), (0, second), (1, third)]) == {1: [first, third], 0: [second]}


def test_limits_say_how_often_our_job_fits_into_them() -> None:
    sheet = report.bounds({"consume": Limit(2e-6, 60_000.0)}, [_OURS])
    assert sheet.rows == [("consume", "2.0", "60,000", "5.00 times", "0.50 times")]


def test_the_comparison_has_rates_and_cpu_time_as_ratios_to_ours() -> None:
    peer = Measured(1_000, 15_000.0, Cpu(25e-6, 0.0, 3e-6, 0.0, 0.0), Cpu(0.4, 0.0, 0.1, 0.0, 0.0))
    results = {contenders.OURS: [_OURS], contenders.PEERS[0]: [peer]}
    assert report.comparison(results).rows[1][4:] == ("2.00 times", "2.50 times")
    assert [row[1:3] for row in report.processor_time(results).rows] == [("10.0", "4.0"), ("25.0", "3.0")]


def test_the_picture_has_a_bar_for_worker_and_database_of_each_contender() -> None:
    peer = Measured(1_000, 15_000.0, Cpu(1_300e-6, 0.0, 3e-6, 0.0, 0.0), Cpu(0.4, 0.0, 0.1, 0.0, 0.0))
    drawn = report.picture({contenders.OURS: [_OURS], contenders.PEERS[0]: [peer]})
    widths = [float(width) for width in re.findall(r'aria-roledescription="bar" d="M[^"]*?h(-?[0-9.]+)', drawn)]
    assert len(widths) == 4
    assert all(abs(width) > 1 for width in widths)


def test_rates_are_those_of_the_second_half_without_the_last_flush() -> None:
    """A start costs much, and the last flush waits for its interval."""
    spent = (0.0, 8.0, 9.0, 9.5, 20.0)
    flushes = [
        Sample(at, durable, Cpu(cpu, 0.0, 0.0, 0.0, 0.0))
        for at, durable, cpu in zip((0.0, 10.0, 11.0, 12.0, 99.0), (100, 500, 600, 700, 1_000), spent, strict=True)
    ]
    found = measured(flushes)
    assert (found.events, found.events_per_second) == (1_000, 100.0)
    assert found.per_event.worker == pytest.approx(1.5 / 200)
    with pytest.raises(RomashkaError, match="more --events"):
        measured(flushes[:2])
