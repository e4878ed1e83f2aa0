"""Business figures counted again in plain Python from the events that were sent: dictionaries, Decimals, loops.

Shares no code with the figures. A figure of money is the same to its fourth decimal.
"""

from __future__ import annotations

import calendar
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from models.topics import INTELLIGENCE, OUTCOMES

Message = tuple[str, bytes, bytes]
STEP, PART = Decimal("0.0001"), Decimal("0.00000001")
GOOD, SOLD = {"resolved", "converted", "upsold"}, {"converted", "upsold"}


@dataclass
class Talk:
    """What is known of a conversation."""

    id: str
    entered: datetime
    customer: str
    channel: str
    country: str
    stage: str
    data_used: bool
    providers: list[str]
    gaps: set[str]
    first_end: str
    durable: bool
    confirmed: bool
    resolved: bool
    handed_over: bool
    minutes: int | None
    converted: bool
    stars: Decimal | None
    sales: Decimal
    refunds: Decimal

    @property
    def net(self) -> Decimal:
        return self.sales - self.refunds


@dataclass
class Settings:
    """Entries as (setting, from, value)."""

    entries: list[tuple[str, date, str]] = field(default_factory=list)

    def on(self, day: date, name: str) -> str | None:
        holding = [(since, value) for setting, since, value in self.entries if setting == name and since <= day]
        return max(holding)[1] if holding else None

    def amount(self, day: date, name: str) -> Decimal:
        value = self.on(day, name)
        assert value is not None, f"{name} is not set on {day}"
        return Decimal(value)

    def integrations(self, day: date) -> Decimal:
        names = {setting for setting, _, _ in self.entries if setting.startswith("integration_cost_per_month")}
        return sum((Decimal(value) for name in names if (value := self.on(day, name)) is not None), Decimal(0))


def talks(messages: Iterable[Message], tenant: str, now: datetime, durable_days: int = 7) -> list[Talk]:
    """Return every conversation of a tenant; each event counts once, however often it was sent."""
    events: dict[str, tuple[str, dict[str, Any]]] = {}
    for topic, _, value in messages:
        if topic in {OUTCOMES.name, INTELLIGENCE.name}:
            event = json.loads(value, parse_float=Decimal)
            events.setdefault(event["event_id"], (topic, event))
    mine: defaultdict[str, list[tuple[datetime, str, str, dict[str, Any]]]] = defaultdict(list)
    for event_id, (topic, event) in events.items():
        if event["user_id"] == tenant:
            at = datetime.fromisoformat(event["created_at"]).astimezone(UTC)
            mine[event["conversation_id"]].append((at, event_id, topic, event))
    return [
        _talk(id_, sorted(seen, key=lambda one: one[:2]), now, timedelta(days=durable_days))
        for id_, seen in mine.items()
    ]


def entered_between(every: Iterable[Talk], start: datetime, end: datetime) -> list[Talk]:
    return [one for one in every if start <= one.entered < end]


def _next_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _talk(id_: str, seen: list[tuple[datetime, str, str, dict[str, Any]]], now: datetime, days: timedelta) -> Talk:
    outcomes = [one for one in seen if one[2] == OUTCOMES.name]
    ends = [one for one in outcomes if one[3]["outcome_type"] != "reopened"]
    first = ends[0] if ends else None
    signs = [one for one in outcomes if one[3]["outcome_type"] in {"reopened", "escalated"} or _by_person(one[3])]
    back = next((one[0] for one in signs if first is not None and one[:2] > first[:2]), None)
    resolved = first is not None and first[3]["outcome_type"] in GOOD
    autonomous = first is not None and resolved and first[3].get("handled_by") == "ai"
    returned = back is not None and first is not None and back < first[0] + days
    opened = [
        datetime.fromisoformat(one[3]["opened_at"]).astimezone(UTC) for one in outcomes if one[3].get("opened_at")
    ]
    stars = [one[3]["customer_satisfaction_score"] for one in outcomes]
    return Talk(
        id=id_,
        entered=min([one[0] for one in seen] + opened),
        customer=_first(seen, "customer_id"),
        channel=_first(seen, "channel"),
        country=_first(seen, "country"),
        stage=next((one[3]["customer_journey_stage"] for one in reversed(seen) if one[2] == INTELLIGENCE.name), ""),
        data_used=any(one[3].get("integration_data_used") or one[3].get("data_types_accessed") for one in seen),
        providers=sorted({name for one in outcomes for name in one[3]["integration_types_used"]}),
        gaps={gap for one in seen for gap in one[3].get("knowledge_gaps_identified", [])},
        first_end="" if first is None else first[3]["outcome_type"],
        durable=autonomous and not returned,
        confirmed=first is not None and _next_hour(first[0]) + days <= now,
        resolved=resolved,
        handed_over=any(
            one[3]["outcome_type"] == "escalated" or _by_person(one[3]) or one[3].get("handoff_reason")
            for one in outcomes
        ),
        minutes=first[3]["resolution_time_minutes"] if first is not None and resolved else None,
        converted=any(one[3]["outcome_type"] in SOLD for one in outcomes),
        stars=next((Decimal(star) for star in reversed(stars) if star is not None), None),
        sales=_money(one[3] for one in outcomes if one[3]["outcome_type"] != "refunded"),
        refunds=_money(one[3] for one in outcomes if one[3]["outcome_type"] == "refunded"),
    )


def _by_person(event: Mapping[str, Any]) -> bool:
    return event.get("handled_by") in {"human", "mixed"}


def _first(seen: list[tuple[datetime, str, str, dict[str, Any]]], name: str) -> str:
    return next((one[3][name] for one in seen if one[3].get(name)), "")


def _money(events: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(event["business_value_generated"] or 0) for event in events), Decimal(0))


def gross(mine: Iterable[Talk], settings: Settings) -> Decimal:
    return sum(
        (settings.amount(one.entered.date(), "cost_per_human_contact") for one in mine if one.durable), Decimal(0)
    )


def costs(settings: Settings, start: datetime, end: datetime) -> Decimal:
    """Every day's share of its month, each kept to eight decimals."""
    total, day = Decimal(0), start.replace(hour=0, minute=0)
    while day < end:
        monthly = settings.integrations(day.date())
        monthly += sum(settings.amount(day.date(), f"{name}_cost_per_month") for name in ("platform", "upkeep"))
        seconds = (min(day + timedelta(days=1), end) - max(day, start)) // timedelta(seconds=1)
        month = 86_400 * calendar.monthrange(day.year, day.month)[1]
        total += (monthly * seconds / month).quantize(Decimal("0.00000001"), ROUND_DOWN)
        day += timedelta(days=1)
    return total


def net(mine: Iterable[Talk], settings: Settings, start: datetime, end: datetime) -> Decimal:
    every = list(mine)
    handled = sum(
        (
            settings.amount(one.entered.date(), "handle_minutes_saved")
            * settings.amount(one.entered.date(), "loaded_rate_per_hour")
            for one in every
            if one.handed_over and one.data_used
        ),
        Decimal(0),
    )
    total = gross(every, settings) + handled / 60 - costs(settings, start, end)
    return total.quantize(STEP, ROUND_HALF_UP)


def attributed(every: list[Talk], settings: Settings, start: datetime, end: datetime) -> dict[str, Decimal]:
    """Return revenue by provider, '' for what nothing influenced."""
    late: Counter[str] = Counter()
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for refund in (one for one in every if one.sales == 0 and one.refunds > 0 and one.customer):
        before = [one for one in every if one.customer == refund.customer and one.sales > 0]
        before = [one for one in before if one.entered <= refund.entered < one.entered + timedelta(days=90)]
        if before:
            late[max(before, key=lambda one: one.entered).id] += 1
            amounts[max(before, key=lambda one: one.entered).id] += refund.refunds
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    touches: defaultdict[str, list[Talk]] = defaultdict(list)
    for one in sorted(every, key=lambda one: one.entered):
        if one.data_used and one.customer:
            touches[one.customer].append(one)
    for sale in (one for one in entered_between(every, start, end) if one.sales > 0):
        amount = sale.net - amounts[sale.id]
        day = sale.entered.date()
        window = timedelta(days=int(settings.on(day, "attribution_window_days") or 30))
        rule = settings.on(day, "attribution_rule") or "last_touch"
        others = [one for one in touches[sale.customer] if one.id != sale.id] if sale.customer else []
        chain = [one for one in others if sale.entered - window <= one.entered <= sale.entered]
        chain += [sale] if sale.data_used else []
        chosen = {"last_touch": chain[-1:], "first_touch": chain[:1], "linear": chain}[rule]
        if not chosen:
            found[""] += amount
        for touch in chosen:
            names = touch.providers or ["unnamed"]
            for name in names:
                found[name] += (amount / (len(chosen) * len(names))).quantize(PART, ROUND_DOWN)
    return {name: amount.quantize(STEP, ROUND_HALF_UP) for name, amount in found.items()}


def lift(mine: Iterable[Talk], value: str) -> float:
    """Return the difference with and without data, weighted by stage and channel of those with."""
    cells: defaultdict[tuple[str, str], dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for one in mine:
        seen = getattr(one, value)
        if seen is not None:
            cells[one.stage, one.channel][one.data_used].append(float(seen))
    kept = [cell for cell in cells.values() if len(cell[True]) >= 2 and len(cell[False]) >= 2]
    treated = sum(len(cell[True]) for cell in kept)
    return (
        sum(
            len(cell[True]) * (sum(cell[True]) / len(cell[True]) - sum(cell[False]) / len(cell[False])) for cell in kept
        )
        / treated
    )
