"""Spans that nobody takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from threading import Event

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cli.console import log_to_stderr
from storage.otel import CLOSE_SECONDS, OtelSpans, SaidOnce, exported


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


class Stuck(SpanProcessor):
    """Takes spans, and does not end before it may."""

    def __init__(self) -> None:
        self.may_end = Event()

    def shutdown(self) -> None:
        self.may_end.wait(10)


def test_an_endpoint_that_never_answers_does_not_hold_up_stopping(caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    spans = OtelSpans("test", stuck)
    began = time.monotonic()
    spans.close(timeout=0.1)
    assert time.monotonic() - began < 2
    assert caplog.messages == ["the last traces are lost: they were not taken within 0.1 s"]
    stuck.may_end.set()
    spans.close()
    assert len(caplog.messages) == 1
    assert CLOSE_SECONDS == 2
