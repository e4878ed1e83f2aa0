"""A browser that is signed in, a Grafana and what to look at in it, together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from playwright.sync_api import BrowserContext

from dashboards.tabs import names
from tests.grafana.browser import Reader, Visit
from tests.grafana.figures import Figures
from tests.grafana.place import Place
from tests.grafana.server import Running


class Eyes(NamedTuple):
    """Somebody who looks."""

    context: BrowserContext
    grafana: Running
    source: str
    looked_at: Place
    figures: Figures

    @contextmanager
    def reader(self, *, width: int = 1440, theme: str = "light") -> Iterator[Reader]:
        """Open a window of some width."""
        reader = Reader(self.context, self.grafana, width=width, theme=theme)
        try:
            yield reader
        finally:
            reader.close()

    def open(self, reader: Reader, tab: str, *, tenant: str = "") -> Visit:
        """Open a tab on the database that has data, in the range that has some."""
        chosen = {"datasource": self.source} | ({"tenant": tenant} if tenant else {})
        return reader.open(tab, chosen, None if tab == names.REAL_TIME else self.looked_at.span)
