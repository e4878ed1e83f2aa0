"""Spans that nobody takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cli.console import log_to_stderr
from storage.otel import SaidOnce, exported


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave the test's process with the handlers and levels that it had."""
    loggers = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    levels = {one.name: one.level for one in loggers}
    root, handlers, disabled = logging.root.level, list(logging.root.handlers), logging.root.manager.disable
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(root)
    logging.disable(disabled)
    for one in logging.root.manager.loggerDict.values():
        if isinstance(one, logging.Logger):
            one.setLevel(levels.get(one.name, logging.NOTSET))


class Collector(SpanExporter):
    """Takes spans or not."""

    is_there = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.is_there else SpanExportResult.FAILURE


def test_lost_traces_are_said_once_until_they_are_taken_again(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector()
    exporter = SaidOnce(collector, "http://127.0.0.1:4318/v1/traces")
    said = []
    for collector.is_there in (True, False, False, False, True, True, False):
        exporter.export([])
        said.append(len(caplog.messages))
    assert said == [0, 1, 1, 1, 2, 2, 3]
    assert "ROMASHKA_OTLP_ENDPOINT" in caplog.messages[0]
    assert caplog.messages[1] == "http://127.0.0.1:4318/v1/traces takes traces again"


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://127.0.0.1/x", "http://[::1", "http://127.0.0.1:99999/", " "])
def test_a_wrong_endpoint_stops_nothing_and_is_said_once(
    endpoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROMASHKA_DEBUG", raising=False)
    log_to_stderr()
    spans = exported("test", endpoint, 1.0)
    for _ in range(3):
        spans.start("a batch").end()
        spans._provider.force_flush()
    spans.close()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "traces are lost, everything else goes on" in told[0]
