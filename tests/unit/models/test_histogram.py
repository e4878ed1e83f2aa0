"""What a histogram says of few values, where its behaviour can be read off."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from models.histogram import GAMMA, ZERO_BUCKET, buckets_of, nearest_rank, quantile, value_of

_ROOT: Final = Path(__file__).parents[3]
_OURS: Final = (
    "api",
    "cli",
    "collector",
    "dashboards",
    "detectors",
    "jobs",
    "kpis",
    "reports",
    "sinks",
    "storage",
    "streams",
)
# ClickHouse's own: romashka_quantile is ours, histogram_quantile is Prometheus's.
_BUILT_IN: Final = re.compile(r"(?<![A-Za-z_])(?:quantile|median)[A-Za-z0-9]*\(")


def _quantile(histogram: dict[int, int], q: float) -> float | None:
    buckets, counts = list(histogram), list(histogram.values())
    return quantile(np.array(buckets, dtype=np.int16), np.array(counts, dtype=np.uint64), q)


@pytest.mark.parametrize(("value", "bucket"), [(0, ZERO_BUCKET), (1, 0), (2, 70), (100, 463), (2**31 - 1, 2160)])
def test_a_value_falls_in_its_bucket(value: int, bucket: int) -> None:
    assert buckets_of(np.array([value])).tolist() == [bucket]


@pytest.mark.parametrize("bucket", [ZERO_BUCKET, 0, 463, 2160])
def test_the_value_a_bucket_stands_for_falls_in_it(bucket: int) -> None:
    assert value_of(bucket) <= GAMMA**bucket or bucket == ZERO_BUCKET
    assert value_of(bucket) > GAMMA ** (bucket - 1) or bucket == ZERO_BUCKET


def test_zero_stands_for_itself() -> None:
    assert value_of(ZERO_BUCKET) == 0.0


def test_no_values_have_no_quantile() -> None:
    assert _quantile({}, 0.5) is None
    assert _quantile({463: 0}, 0.5) is None


@pytest.mark.parametrize(("q", "bucket"), [(0.0, 70), (0.4, 70), (0.41, 463), (0.99, 463), (1.0, 463)])
def test_the_quantile_is_at_rank_q_times_the_number_rounded_up(q: float, bucket: int) -> None:
    assert _quantile({70: 2, 463: 3}, q) == value_of(bucket)


def test_the_95_percent_quantile_of_10_20_and_1000_is_1000() -> None:
    buckets = buckets_of(np.array([10, 20, 1000]))
    ones = np.ones(3, dtype=np.uint64)
    assert quantile(buckets, ones, 0.95) == pytest.approx(1000, rel=0.005)
    assert quantile(buckets, ones, 0.5) == pytest.approx(20, rel=0.005)


@pytest.mark.parametrize(("q", "n", "rank"), [(0.07, 100, 7), (0.95, 20, 19), (0.95, 21, 20), (0.0, 5, 1), (1.0, 5, 5)])
def test_ranks_are_rounded_up_but_not_by_the_last_bit_of_a_float(q: float, n: int, rank: int) -> None:
    assert nearest_rank(q, n) == rank


def test_counts_beyond_32_bits_are_counted() -> None:
    assert _quantile({70: 2**40, 463: 1}, 0.999) == value_of(70)


def _texts() -> Iterator[tuple[str, str]]:
    """Yield every text of the program that may be a statement, with where it is."""
    for folder in _OURS:
        for path in (_ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path.relative_to(_ROOT)}:{node.lineno}", node.value
    for path in (_ROOT / "deploy/grafana").rglob("*.json"):
        yield str(path.relative_to(_ROOT)), json.dumps(json.loads(path.read_text(encoding="utf-8")))
    for path in (_ROOT / "sinks/schema").glob("*.sql"):
        yield path.name, path.read_text(encoding="utf-8")


def test_no_statement_takes_a_quantile_between_two_values() -> None:
    """ClickHouse's quantiles interpolate, or read one above the rank; ``nearest_rank_of`` does neither."""
    texts = list(_texts())
    assert sum("SELECT" in text for _, text in texts) > 100
    assert [place for place, text in texts if _BUILT_IN.search(text)] == []
