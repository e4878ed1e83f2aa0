"""Where clicks lead: to the other tabs, to a panel, to what a row is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards.panel import PanelLink, Tab
from dashboards.tabs import names

_OWN_RANGE: Final = frozenset({names.REAL_TIME})
"""Tabs that open with their own range: a month of minutes cannot be asked every five seconds."""


API: Final = "https://romashka-api.invalid"
"""Stands for the API's address until a file is written (``dashboards.grafana.render``)."""


def to_tabs(tab: Tab) -> list[Builder[dashboard.DashboardLink]]:
    """Return the links at the top of a tab to each of the others, in the order of reading.

    They keep what is chosen and the range; to and from a tab of its own range they keep what is chosen alone.
    """
    return [
        builders.DashboardLink(title)
        .type(dashboard.DashboardLinkType.LINK)
        .url(f"/d/{uid}")
        .include_vars(True)
        .keep_time(not _OWN_RANGE & {uid, tab.uid})
        for uid, title in names.TITLES.items()
        if uid != tab.uid
    ]


def address(link: PanelLink, kept: Sequence[str]) -> str:
    """Return a link's path: the range, what is chosen on the page (variables ``kept``), and what the row is about."""
    if link.finding:
        # Without a token: everybody who sees the dashboard can read it. The page asks who wants to see the finding.
        return f"{API}/links/insights/${{__data.fields.{link.finding}}}"
    row = "".join(f"&var-{name}=${{__data.fields.{column}}}" for name, column in link.variables.items())
    chosen = "".join(f"&${{{name}:queryparam}}" for name in kept if name not in link.variables)
    panel = "" if link.panel is None else f"&viewPanel={link.panel}"
    span = "" if link.tab in _OWN_RANGE else "&${__url_time_range}"
    return f"/d/{link.tab}?" + f"{span}{chosen}{row}{panel}".removeprefix("&")


def link(target: PanelLink, kept: Sequence[str]) -> builders.DashboardLink:
    """Return a panel's link."""
    return builders.DashboardLink(target.title).type(dashboard.DashboardLinkType.LINK).url(address(target, kept))
