"""The page of an insight that a link leads to: HTML without scripts, for a phone or a mail program's browser."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from html import escape as escape_markup
from typing import Final, NamedTuple
from uuid import UUID

from starlette.responses import HTMLResponse

from kpis.text import printable
from models.insights import Insight
from models.responses import MAX_NOTE, Handling, ResponseStatus
from models.timeline import TimelineEntry
from storage.insight_links import LinkAction
from storage.timeline_store import MoneyAtRisk, money_text

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8888;--soft:#6b6b6b}
@media(prefers-color-scheme:dark){:root{--soft:#a8a8a8}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:16px;max-width:42rem;overflow-wrap:anywhere}
h1{font-size:1.3rem;line-height:1.3;margin:.5rem 0}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem .75rem;margin:0}dt{color:var(--soft)}dd{margin:0}
ol{padding-left:1.25rem;margin:0}li{margin:.35rem 0}.soft{color:var(--soft)}
.said{border:2px solid;border-radius:8px;padding:.5rem .75rem}
form{display:grid;gap:.5rem}label{display:grid;gap:.25rem}
input{font:inherit;padding:.6rem;border:1px solid var(--line);border-radius:8px;width:100%}
button{font:inherit;min-height:48px;padding:.5rem;border:1px solid var(--line);border-radius:8px;cursor:pointer}
""".strip()
_DIGEST: Final = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_NAME: Final = (
    '<label>Your name (optional)<input name="name" maxlength="100" autocomplete="name"></label>'
    f'<label>Note (optional)<input name="note" maxlength="{MAX_NOTE}" autocomplete="off"></label>'
)
# What a button sends, whose action it is, and what it says.
BUTTONS: Final[Sequence[tuple[str, LinkAction, str]]] = (
    ("acknowledge", LinkAction.ACKNOWLEDGE, "Acknowledge: I take care of it"),
    ("snooze_1h", LinkAction.SNOOZE, "Snooze for 1 hour"),
    ("snooze_1d", LinkAction.SNOOZE, "Snooze for 1 day"),
    ("snooze_monday", LinkAction.SNOOZE, "Snooze until Monday, 08:00 UTC"),
    ("false_alarm", LinkAction.FALSE_ALARM, "Not a problem (false alarm)"),
    ("known", LinkAction.KNOWN, "A known problem"),
)


class InsightView(NamedTuple):
    """What the page shows of an insight."""

    insight: Insight
    tenant: str
    handling: Handling
    timeline: Sequence[TimelineEntry]
    money: MoneyAtRisk | None


class Offer(NamedTuple):
    """The form of a page: the token that it sends, and its buttons. ``said`` is the outcome of a response."""

    token: str
    actions: Collection[LinkAction]
    audience: str
    said: str = ""


def insight_page(view: InsightView, offer: Offer) -> HTMLResponse:
    """Return the page of an insight with the buttons that are left."""
    insight = view.insight
    parts = [
        f'<p class="said" role="status">{_shown(offer.said)}</p>' if offer.said else "",
        f"<h1>{_shown(insight.title)}</h1><p>{_shown(insight.summary)}</p>",
        _facts(view),
        _list("What to do", insight.recommended_actions),
        _list("Why", insight.contributing_factors),
        _form(offer, resolved=view.handling.status is ResponseStatus.RESOLVED),
        _list("Timeline", [_line(entry) for entry in view.timeline]),
    ]
    return page("".join(parts))


def sign_in_page(insight: UUID, said: str = "", status: int = 200) -> HTMLResponse:
    """Return the page that asks for a key: it shows nothing of the insight, not even whether there is one."""
    notice = f'<p class="said" role="alert">{_shown(said)}</p>' if said else ""
    return page(
        f"<h1>A finding of the detectors</h1>{notice}<p>Give your API key, or a token of your sign-in service, to see "
        f'it and to respond.</p><form method="post" action="/links/insights/{insight}">'
        '<label>API key or token<input name="key" type="password" required maxlength="8192" autocomplete="off"></label>'
        "<button>Show</button></form>",
        status,
    )


def refusal_page(why: str, status: int) -> HTMLResponse:
    """Return the page of a link that is not accepted."""
    return page(
        f'<h1>This link does not work</h1><p class="said" role="alert">{_shown(why)}</p>'
        "<p>Use the link of a newer message, or the command line: <code>romashka insights list --open</code>.</p>",
        status,
    )


def page(body: str, status: int = 200) -> HTMLResponse:
    """Return a page with its headers."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Finding</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>",
        status,
        headers={
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def _facts(view: InsightView) -> str:
    insight, handling = view.insight, view.handling
    facts = [
        ("Tenant", view.tenant),
        ("Severity", insight.severity if insight.status == "open" else f"{insight.severity}, over"),
        ("Integration", insight.integration_provider or "several"),
        ("Since", _when(insight.started_at)),
        ("Money at risk", money_text(view.money)),
        ("Handling", _handling(handling)),
    ]
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{_shown(text)}</dd>' for name, text in facts)}</dl>"


def _form(offer: Offer, *, resolved: bool) -> str:
    buttons = [(value, text) for value, action, text in BUTTONS if action in offer.actions]
    if resolved or not buttons:
        return ""
    shown = "".join(f'<button name="action" value="{value}">{text}</button>' for value, text in buttons)
    return (
        f'<h2>Respond</h2><form method="post" action="/links"><input type="hidden" name="token" value="{offer.token}">'
        f'{_NAME}{shown}</form><p class="soft">Recorded with your name, or as {_shown(offer.audience)}. Each kind of '
        "response counts once.</p>"
    )


def _handling(handling: Handling) -> str:
    if handling.since is None:
        return f"assigned to {handling.assignee}" if handling.assignee else "nobody has it yet"
    text = f"{handling.status} by {handling.actor}"
    if handling.snoozed_until is not None:
        text += f" until {_when(handling.snoozed_until)}"
    return f"{text} ({handling.verdict.replace('_', ' ')})" if handling.verdict else text


def _line(entry: TimelineEntry) -> str:
    who = f"{entry.who} " if entry.who else ""
    return f"{_when(entry.at)}: {who}{entry.text}"


def _list(heading: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"<h2>{heading}</h2><ol>{''.join(f'<li>{_shown(line)}</li>' for line in lines)}</ol>"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _shown(text: str) -> str:
    return escape_markup(printable(text))
