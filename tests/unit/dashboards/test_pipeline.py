"""The expressions of Pipeline Health: Prometheus can read them, and the worker has every metric that they name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.grafana import render
from dashboards.tabs import pipeline
from streams.metrics import Metrics

_PANELS: Final = [panel for panel in json.loads(render(pipeline.TAB))["panels"] if panel["type"] != "row"]
TARGETS: Final[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    (panel, target) for panel in _PANELS for target in panel["targets"] if "expr" in target
]
# What a family exports; one whose labels never had a value has no samples yet.
_SUFFIXES: Final = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
EXPRESSIONS: Final = [target["expr"] for _, target in TARGETS]


def test_every_metric_is_one_of_the_worker_s() -> None:
    known = {family.name + suffix for family in Metrics().registry.collect() for suffix in _SUFFIXES[family.type]}
    named = set(re.findall(r"\bromashka_\w+", " ".join(EXPRESSIONS)))
    assert named
    assert named <= known


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)
def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(EXPRESSIONS)]
    file = tmp_path / "rules.json"  # YAML that promtool reads
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules)} rules found" in done.stdout


def test_numbers_ask_for_now_and_charts_for_the_range() -> None:
    for panel, target in TARGETS:
        now = panel["type"] in {"stat", "gauge", "bargauge"}
        assert bool(target.get("instant")) is now, panel["title"]
        assert bool(target.get("range")) is not now, panel["title"]


def test_a_series_is_named_by_the_labels_that_it_is_split_by() -> None:
    for panel, target in TARGETS:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), panel["title"]
