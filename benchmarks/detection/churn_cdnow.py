"""CDNOW: what 23,570 people bought at a music shop from 1997 to mid-1998, as snapshots with delayed labels.

The data comes with the package ``lifetimes`` (a development dependency); only its file is read, never its code.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, files
from typing import Final
from uuid import UUID
from zlib import crc32

from detectors.customers.churn import churn_features
from detectors.customers.customer_features import CustomerFacts
from detectors.customers.labels import Label, Snapshot

HORIZON: Final = timedelta(days=60)
EVERY: Final = timedelta(days=28)
FIRST: Final = timedelta(days=28)

_SHOP: Final = UUID(int=1)
_START: Final = datetime(1997, 1, 1, tzinfo=UTC)
_END: Final = datetime(1998, 6, 30, tzinfo=UTC)
_DAY: Final = timedelta(days=1)

Purchases = list[tuple[datetime, float]]


class NotInstalled(Exception):
    """The package that ships the data is not there."""


def purchases() -> dict[str, Purchases]:
    """Return what each customer bought: (day, dollars), oldest first; a day counts once.

    Raises
    ------
    NotInstalled
        Says what to install.
    """
    try:
        found = [file for file in files("lifetimes") or [] if file.name == "CDNOW_master.txt"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise NotInstalled("the CDNOW purchases come with a package: pip install lifetimes==0.11.3")
    days: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))
    for line in found[0].read_text().splitlines()[1:]:
        customer, day, _, dollars = line.split()
        days[customer][_moment(day)] += float(dollars)
    return {customer: sorted(bought.items()) for customer, bought in days.items()}


def labels(
    bought: dict[str, Purchases], *, share: int = 1, sample: int = 0, active: timedelta | None = None
) -> list[Label]:
    """Return a snapshot every four weeks of each customer known by then; positive: nothing bought in 60 days.

    Labels arrive 60 days after their snapshot. One customer in ``share`` is taken, at random but always the same
    (``sample`` says which of them);
    ``active`` leaves out those who bought nothing for so long.
    """
    people = {name: list_ for name, list_ in bought.items() if crc32(name.encode()) % share == sample}
    return [
        label
        for number in range((_END - HORIZON - _START - FIRST) // EVERY + 1)
        for label in _labels_at(people, _START + FIRST + number * EVERY, active)
    ]


def _labels_at(people: dict[str, Purchases], at: datetime, active: timedelta | None) -> list[Label]:
    known = {name: bisect.bisect_left(list_, (at,)) for name, list_ in people.items()}
    visits = sum(known.values())
    total = sum(dollars for name, count in known.items() for _, dollars in people[name][:count])
    found = []
    for name, count in known.items():
        past, future = people[name][:count], people[name][count:]
        if not past or (active is not None and at - past[-1][0] > active):
            continue
        facts = _facts(name, past, at, total / visits)
        snapshot = Snapshot(_SHOP, name, at, at + HORIZON, churn_features(facts, at))
        silent = not future or future[0][0] >= at + HORIZON
        found.append(Label(snapshot, silent, at + HORIZON))
    return found


def _facts(name: str, past: Purchases, at: datetime, usual: float) -> CustomerFacts:
    ages = [(at - day) / _DAY for day, _ in past]
    return CustomerFacts(
        user_id=_SHOP,
        customer_id=name,
        first_at=past[0][0],
        last_at=past[-1][0],
        visits=len(past),
        visits_30d=sum(age <= 30 for age in ages),
        visits_before_30d=sum(30 < age <= 60 for age in ages),
        visits_90d=sum(age <= 90 for age in ages),
        value=sum(dollars for _, dollars in past),
        usual_value_per_visit=usual,
    )


def _moment(day: str) -> datetime:
    moment = date.fromisoformat(day)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
