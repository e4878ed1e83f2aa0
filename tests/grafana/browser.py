"""Grafana's pages in headless Chromium: what they ask, how long it takes, what a reader gets to see."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, Response, sync_playwright

from tests.grafana.server import Running

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SCRIPT: Final = (Path(__file__).parent / "panels.js").read_text()
# Panels that are in sight and have no answer yet; 1 as long as there is no dashboard at all.
_WAITING: Final = """(() => {
  const scene = window.__grafanaSceneContext;
  if (!scene || !document.querySelector('[data-viz-panel-key]')) return 1;
  let waiting = 0;
  const visit = (one) => {
    const source = one.state.$data;
    const answered = ['Done', 'Error', 'Streaming'].includes(source?.state.data?.state);
    if (one.state.pluginId && one.isActive && source && !answered) waiting++;
    one.forEachChild(visit);
  };
  visit(scene);
  return waiting;
})()"""
_QUIET_SECONDS: Final = 1.5
"""So long after the last answer nothing more is expected: panels below have had the time to ask."""
_PATIENCE_SECONDS: Final = 90.0
_ASKING: Final = "/api/ds/query"
# What Chromium writes for every answer that is no 200; the answers themselves are looked at.
_NOT_OURS: Final = ("Failed to load resource", "net::ERR_ABORTED")


@dataclass(frozen=True)
class Drawn:
    """One panel as it stands on the page."""

    id: int
    title: str
    error: str
    text: str
    cut: tuple[str, ...]


@dataclass
class Visit:
    """What happened while a page was open. Times are in seconds."""

    panels: list[Drawn] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    answers: list[tuple[str, float, int]] = field(default_factory=list)
    """Of each request for data: who asked, how long it took, how many statements."""
    failed: list[str] = field(default_factory=list)
    took: float = 0.0
    """From the first question to the last answer."""

    @property
    def statements(self) -> int:
        """How many statements reached the data sources."""
        return sum(count for _, _, count in self.answers)

    @property
    def slowest(self) -> tuple[str, float]:
        """Who waited longest, and how long."""
        name, seconds, _ = max(self.answers, key=lambda one: one[1], default=("nobody", 0.0, 0))
        return name, seconds


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser that this machine has."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in(browser: Browser, grafana: Running) -> Iterator[BrowserContext]:
    """Sign in, for all windows: each of its own would load and compile Grafana's scripts again."""
    context = browser.new_context(color_scheme="light", locale="en-GB")
    context.set_default_timeout(_PATIENCE_SECONDS * 1000)
    signed = context.request.post(f"{grafana.url}/login", data={"user": grafana.user, "password": grafana.password})
    assert signed.ok, f"Grafana refuses {grafana.user}: {signed.status}"
    try:
        yield context
    finally:
        context.close()


class Reader:
    """A window of somebody signed in, of some size and with a theme."""

    def __init__(
        self, context: BrowserContext, grafana: Running, *, width: int = 1440, height: int = 900, theme: str = "light"
    ) -> None:
        self._grafana, self._width, self._height, self._theme = grafana, width, height, theme
        self.page: Page = context.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self._visit = Visit()
        self._asked: dict[Request, float] = {}
        self._first = self._last = 0.0
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._visit.console.append(str(error)))
        self.page.on("request", self._asks)
        self.page.on("response", self._answered)
        self.page.on("requestfailed", self._gave_up)

    def close(self) -> None:
        """Shut the window."""
        self.page.close()

    def open(
        self,
        uid: str,
        variables: Mapping[str, str] | None = None,
        span: tuple[str, str] | None = None,
        refresh: str = "15m",
    ) -> Visit:
        """Open a tab, wait until it stands still, and tell what happened; the panels are those of the first view.

        It refreshes as seldom as ``refresh`` says: a tab that asks every few seconds would not stand still.
        """
        parts = {f"var-{name}": value for name, value in (variables or {}).items()} | {"refresh": refresh}
        if span is not None:
            parts["from"], parts["to"] = span
        return self.go(f"/d/{uid}?{urlencode({**parts, 'theme': self._theme, 'orgId': '1'})}")

    def go(self, path: str) -> Visit:
        """Open a path of Grafana's; as `open`."""
        self._start()
        self.page.goto(self._grafana.url + path)
        return self._wait()

    def whole(self) -> Visit:
        """Make the window as high as the page, so that every panel asks and is drawn; as `open` for what is new."""
        earlier = self._visit
        for _ in range(3):
            height = int(self.page.evaluate("document.documentElement.scrollHeight"))
            if height == self._screen_height():
                break
            self._start()
            self.page.set_viewport_size({"width": self._width, "height": height})
            self._wait()
        self._visit.console = earlier.console + self._visit.console
        return self._visit

    def still(self) -> Visit:
        """Wait for a page that a click opened; as `open`."""
        return self._wait()

    def watch(self, seconds: float) -> Visit:
        """Look on for so long, without doing anything."""
        self._start()
        self.page.wait_for_timeout(seconds * 1000)
        return self._visit

    def small(self) -> None:
        """Give the window its size back."""
        self.page.set_viewport_size({"width": self._width, "height": self._height})

    def picture(self, path: Path) -> None:
        """Write what is to be seen as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def _screen_height(self) -> int:
        return int(self.page.evaluate("window.innerHeight"))

    def _start(self) -> None:
        self._visit, self._asked = Visit(), {}
        self._first = self._last = 0.0

    def _wait(self) -> Visit:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        self.page.wait_for_load_state("load")
        quiet_since = time.monotonic()
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(150)
            if self._asked or self.page.evaluate(_WAITING):
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > _QUIET_SECONDS:
                break
        self._visit.took = max(0.0, self._last - self._first)
        self._visit.panels = [
            Drawn(one["id"], one["title"], one["error"], one["text"], tuple(one["cut"])) for one in self._panels()
        ]
        return self._visit

    def _panels(self) -> list[dict[str, Any]]:
        panels: list[dict[str, Any]] = json.loads(self.page.evaluate(_SCRIPT))
        return panels

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in _NOT_OURS):
            self._visit.console.append(message.text)

    def _asks(self, request: Request) -> None:
        if _ASKING in request.url:
            self._asked[request] = time.monotonic()
            self._first = self._first or time.monotonic()

    def _gave_up(self, request: Request) -> None:
        self._asked.pop(request, None)

    def _answered(self, response: Response) -> None:
        asked = self._asked.pop(response.request, None)
        if asked is None:
            if response.status >= 400:
                self._visit.failed.append(f"{response.status} {response.url}")
            return
        self._last = time.monotonic()
        body = json.loads(response.request.post_data or "{}")
        who = response.request.headers.get("x-panel-id", "") or _variable(body)
        self._visit.answers.append((who, self._last - asked, len(body.get("queries", []))))
        if response.status >= 400:
            try:
                self._visit.failed.append(f"panel {who}: {response.text()[:600]}")
            except Error:
                self._visit.failed.append(f"panel {who}: {response.status}")


def _variable(body: dict[str, Any]) -> str:
    return ",".join(str(query.get("refId")) for query in body.get("queries", []))
