"""What alert rules would have done over stored history: when they would have fired, for how long, and how rightly.

The statements are those of the generated file, evaluated at each step as Grafana would have: a row is pending until it
held for the rule's wait, then fires, and stays for the rule's keep after it last held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from models.errors import SettingsError

Labels = tuple[tuple[str, str], ...]
Row = Mapping[str, Any]
AskAt = Callable[[str], Sequence[Row]]
# An alert may come this long after an incident began, or end, and still be about it.
_SLACK: Final = timedelta(minutes=20)


class Evaluated(NamedTuple):
    """One rule at one level, as the generated file has it."""

    uid: str
    title: str
    sql: str
    above: bool
    line: float
    over: timedelta
    late: timedelta
    wait: timedelta
    keep: timedelta
    every: timedelta = timedelta(minutes=1)


class Firing(NamedTuple):
    """An alert that would have been sent; ``ended`` is ``None`` where it still fires at the end."""

    uid: str
    title: str
    labels: Labels
    began: datetime
    ended: datetime | None
    worst: float


class Labelled(NamedTuple):
    """An incident that really was; ``tenant`` is ``''`` where it hit all tenants of the provider."""

    id: str
    kind: str
    provider: str
    tenant: str
    start: datetime
    end: datetime


def read(text: str) -> list[Evaluated]:
    """Return the rules of a provisioning file."""
    return [
        _evaluated(rule, _span(group["interval"])) for group in json.loads(text)["groups"] for rule in group["rules"]
    ]


def read_truth(text: str) -> list[Labelled]:
    """Return the incidents of a ground truth (``romashka simulate --truth``).

    Raises
    ------
    SettingsError
        It is not one.
    """
    try:
        return [
            Labelled(
                one["id"],
                one["kind"],
                one["provider"],
                one["tenant"] or "",
                _aware(one["start"]),
                _aware(one["end"]),
            )
            for one in json.loads(text)["incidents"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            "this is not a ground truth: expected the JSON that 'romashka simulate --truth FILE' writes"
        ) from error


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment


def replay(rule: Evaluated, start: datetime, end: datetime, every: timedelta, ask: AskAt) -> list[Firing]:
    """Evaluate a rule at every step of ``[start, end]``, or as rarely as Grafana does; return what would have fired."""
    every = max(every, rule.every)
    states: dict[Labels, _State] = {}
    fired: list[Firing] = []
    at = start
    while at <= end:
        rows = ask(at_moment(rule, at))
        values = {_labels(row): float(row["value"]) for row in rows if row["value"] is not None}
        for labels in states.keys() | values.keys():
            value = values.get(labels)
            holds = value is not None and (value > rule.line if rule.above else value < rule.line)
            state = states.setdefault(labels, _State())
            if (over := state.step(rule, labels, at, value if holds else None)) is not None:
                fired.append(over)
        at += every
    fired += [state.firing(rule, labels, None) for labels, state in states.items() if state.fires]
    return sorted(fired, key=lambda one: (one.began, one.labels))


def at_moment(rule: Evaluated, now: datetime) -> str:
    """Return a rule's statement with Grafana's macros filled in for a moment."""
    end = now - rule.late
    moments = {"$__fromTime": end - rule.over, "$__toTime": end}
    return re.sub(r"\$__(?:from|to)Time\b", lambda found: _literal(moments[found[0]]), rule.sql)


def matched(firings: Iterable[Firing], incident: Labelled) -> list[Firing]:
    """Return the alerts that are about an incident: same provider, its tenant or all, overlapping in time."""
    return [one for one in firings if _about(one, incident)]


def unexplained(firings: Iterable[Firing], incidents: Sequence[Labelled]) -> list[Firing]:
    """Return the alerts that no incident explains: false alarms, or unlabelled incidents."""
    return [one for one in firings if not any(_about(one, incident) for incident in incidents)]


@dataclass
class _State:
    """Where one set of labels of a rule stands."""

    since: datetime | None = None
    began: datetime | None = None
    held: datetime | None = None
    worst: float = 0.0

    @property
    def fires(self) -> bool:
        """Whether it has fired and not ended."""
        return self.began is not None

    def step(self, rule: Evaluated, labels: Labels, at: datetime, value: float | None) -> Firing | None:
        """Go on to a moment; ``value`` is ``None`` where the condition does not hold. Return an alert that ends."""
        if value is not None:
            self.since = self.since or at
            self.held = at
            self.worst = value if not self.fires else _worse(rule, self.worst, value)
            if not self.fires and at - self.since >= rule.wait:
                self.began = at
            return None
        if not self.fires:
            self.since = None
            return None
        if self.held is not None and at - self.held < rule.keep:
            return None
        ended = self.firing(rule, labels, at)
        self.since = self.began = self.held = None
        return ended

    def firing(self, rule: Evaluated, labels: Labels, ended: datetime | None) -> Firing:
        """Return the alert that fires."""
        if self.began is None:
            raise ValueError("nothing fires")
        return Firing(rule.uid, rule.title, labels, self.began, ended, self.worst)


def _about(firing: Firing, incident: Labelled) -> bool:
    labels = dict(firing.labels)
    if labels.get("integration_provider", incident.provider) != incident.provider:
        return False
    tenant = labels.get("user_id", "")
    everyone = not tenant or not tenant.strip("0-")  # the nil id stands for all tenants
    if not everyone and incident.tenant and tenant != incident.tenant:
        return False
    late = incident.end + _SLACK
    return firing.began <= late and (firing.ended is None or firing.ended >= incident.start)


def _evaluated(rule: Mapping[str, Any], every: timedelta) -> Evaluated:
    query, _, threshold, *_ = rule["data"]
    evaluator = threshold["model"]["conditions"][0]["evaluator"]
    span = query["relativeTimeRange"]
    return Evaluated(
        uid=rule["uid"],
        title=rule["title"],
        sql=query["model"]["rawSql"],
        above=evaluator["type"] == "gt",
        line=float(evaluator["params"][0]),
        over=timedelta(seconds=span["from"] - span["to"]),
        late=timedelta(seconds=span["to"]),
        wait=_span(rule["for"]),
        keep=_span(rule["keepFiringFor"]),
        every=every,
    )


def _labels(row: Row) -> Labels:
    return tuple(sorted((name, str(value)) for name, value in row.items() if name != "value"))


def _worse(rule: Evaluated, one: float, other: float) -> float:
    return max(one, other) if rule.above else min(one, other)


def _span(text: str) -> timedelta:
    return timedelta(seconds=int(text.removesuffix("s")))


def _literal(moment: datetime) -> str:
    return f"toDateTime({int(moment.timestamp())}, 'UTC')"
