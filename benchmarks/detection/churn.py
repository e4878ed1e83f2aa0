"""The gate of churn, and what upsell and forecasts reach: ``python -m benchmarks.detection.churn [--write]``.

It fails where the gate is not met or where a figure is worse than the one that is written down here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from river import forest

from benchmarks.detection import churn_cdnow, churn_forecast
from benchmarks.detection.churn_models import MODELS, OURS, compared, known_quality
from benchmarks.detection.churn_picture import reliability
from benchmarks.detection.churn_simulated import pseudonym, store
from benchmarks.report import Sheet, to_markdown, to_terminal
from detectors.customers.calibration import Quality
from detectors.customers.churn import CHURN
from detectors.customers.customer_scores import bounds_for
from detectors.customers.delayed_model import Classifier, DelayedModel, Judged, replay
from detectors.customers.labels import Label, some
from detectors.customers.upsell import UPSELL
from embedded.database import Database
from jobs.customers import find_churn, find_upsells
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from simulator.totals import Totals
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from storage.label_store import LabelStore

MIN_AUC, MIN_IMPROVEMENT, MAX_CALIBRATION_ERROR = 0.78, 0.15, 0.02
# What the gate's row was when it was last written down, and how much worse it may become.
EXPECTED_AUC, EXPECTED_BRIER, TOLERANCE = 0.794, 0.0898, 0.005
# Never used for tuning.
SEEDS: Final = (911, 912)

_RESULTS: Final = Path(__file__).parents[2] / "docs" / "models" / "churn-results.md"
_PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "churn-reliability.svg"
_SAMPLE, _LEAK_SAMPLE, _SMALL_SAMPLE, _SAMPLES = 4, 32, 64, 4
_COMPARED_LABELS: Final = 3_000
_DAYS, _EVENTS = 130, 100_000
# Far ahead: the tables forget what is older than 400 days.
_END: Final = datetime(2030, 7, 1, 12, tzinfo=UTC)
_COLUMNS: Final = ("predictions", "positives", "AUC", "Brier", "better than the prior", "calibration error")


class Result(NamedTuple):
    """A table, what of it is worse than it must be, and the gate's own figures where there are any."""

    sheet: Sheet
    failures: tuple[str, ...] = ()
    quality: Quality | None = None
    beside: Sheet | None = None

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """All tables."""
        return (self.sheet,) if self.beside is None else (self.sheet, self.beside)


def gate() -> Result:
    """Return the gate: all CDNOW customers, labels 60 days late."""
    bought = churn_cdnow.purchases()
    everybody = _measured(churn_cdnow.labels(bought, share=_SAMPLE))
    active = _measured(churn_cdnow.labels(bought, share=_SAMPLE, active=timedelta(days=90)))
    rows = [_row("all customers (the gate)", everybody), _row("who bought in the last 90 days", active)]
    found = {
        f"AUC {everybody.auc:.3f}, not {MIN_AUC}": everybody.auc is None or everybody.auc < MIN_AUC,
        f"Brier only {everybody.improvement:.1%} better than the prior": everybody.improvement < MIN_IMPROVEMENT,
        f"calibration error {everybody.calibration_error:.3f}": everybody.calibration_error > MAX_CALIBRATION_ERROR,
        f"AUC {everybody.auc:.3f} was {EXPECTED_AUC}": (everybody.auc or 0.0) < EXPECTED_AUC - TOLERANCE,
        f"Brier {everybody.brier:.4f} was {EXPECTED_BRIER}": everybody.brier > EXPECTED_BRIER + TOLERANCE,
    }
    title = f"CDNOW, one in {_SAMPLE} of 23,570 customers: nothing bought in the next 60 days"
    sheet = Sheet(title, ("population", *_COLUMNS), rows)
    return Result(sheet, tuple(why for why, failed in found.items() if failed), everybody)


def contenders() -> Result:
    """Return ours beside challengers, survival, recency alone and the prior, over samples of customers."""
    bought = churn_cdnow.purchases()
    samples = [churn_cdnow.labels(bought, share=_SMALL_SAMPLE, sample=number) for number in range(_SAMPLES)]
    title = (
        f"CDNOW, labels 60 days late, {_SAMPLES} samples of one customer in {_SMALL_SAMPLE}: mean (lowest to highest)"
    )
    return Result(compared(title, samples))


def leaks() -> Result:
    """Return what labels that come at once pretend."""
    late = churn_cdnow.labels(churn_cdnow.purchases(), share=_LEAK_SAMPLE)
    makers: dict[str, Callable[[], Classifier]] = {
        **MODELS,
        "adaptive random forest": lambda: forest.ARFClassifier(seed=1),
    }
    rows = []
    for name in (OURS, "AMF (the challenger)", "adaptive random forest"):
        for when, labels in (("60 days late", late), ("at once (leaky)", [_leaky(one) for one in late])):
            rows.append(_row(f"{name}, labels {when}", _measured(labels, makers[name]())))
    title = f"CDNOW, one customer in {_LEAK_SAMPLE}: what labels that come too early pretend"
    return Result(Sheet(title, ("model", *_COLUMNS), rows))


def simulated() -> Result:
    """Return churn and upsell on the simulator, through the database and the jobs that production runs."""
    judged: dict[str, list[Judged]] = {CHURN.model: [], UPSELL.model: []}
    samples: list[list[Label]] = []
    left: list[bool] = []
    with Database() as database:
        for seed in SEEDS:
            address = ClickHouseAddress(database.url, f"seed_{seed}")
            scenario = _scenario(seed)
            migrate(address)
            store(scenario, address)
            with connect(address) as client:
                find_churn(client, _END)
                find_upsells(client, _END)
                for task in (CHURN, UPSELL):
                    labels = LabelStore(client, task).labels(_END, 1_000_000)
                    judged[task.model] += replay(labels, DelayedModel()).judged
                    if task is CHURN:
                        samples.append(some(labels, _COMPARED_LABELS))
            left += _truly_left(scenario, judged[CHURN.model][len(left) :])
    truth = [one._replace(positive=really) for one, really in zip(judged[CHURN.model], left, strict=True)]
    rows = [
        (
            *_row("churn: cancelled, or silent for 30 days", known_quality(judged[CHURN.model])),
            _precision(judged["churn"]),
        ),
        # Probabilities are of the label, so against the truth only their order and who is named can be judged.
        (
            *_row("the same predictions, against who really leaves", known_quality(truth))[:4],
            "",
            "",
            "",
            _precision(truth),
        ),
        (*_row("upsell: upsold within 30 days", known_quality(judged[UPSELL.model])), _precision(judged["upsell"])),
    ]
    title = f"Simulator, {len(SEEDS)} seeds of {_DAYS} days never used for tuning"
    sheet = Sheet(title, ("label", *_COLUMNS, "named: how many, how often right"), rows)
    beside = compared(f"Simulator, churn of some customers of {len(SEEDS)} seeds: mean (lowest to highest)", samples)
    return Result(sheet, quality=known_quality(judged[CHURN.model]), beside=beside)


def main(arguments: Sequence[str]) -> int:
    """Print every table; with ``--write`` write them and the picture into the documentation."""
    console = Console()
    try:
        public = [gate(), contenders(), leaks()]
    except churn_cdnow.NotInstalled as error:
        console.print(f"skipped the public data: {error}")
        public = []
    simulation = simulated()
    results = [*public, simulation, Result(churn_forecast.sheet())]
    sheets = [sheet for result in results for sheet in result.sheets]
    for sheet in sheets:
        console.print(to_terminal(sheet))
    failures = [why for result in results for why in result.failures]
    for why in failures:
        console.print(f"[red]not met:[/red] {why}")
    if "--write" in arguments and public:
        _RESULTS.write_text(_document(sheets))
        curves = {"CDNOW": public[0].quality, "simulator": simulation.quality}
        _PICTURE.write_text(reliability({name: one for name, one in curves.items() if one is not None}))
    return 1 if failures else 0


def _document(sheets: Sequence[Sheet]) -> str:
    head = (
        "# Churn, upsell and forecasts: results\n\n"
        "Written by `python -m benchmarks.detection.churn --write`; how it is measured is in [churn](churn.md), "
        "[upsell](upsell.md) and [forecast](forecast.md). The gate: AUC at least "
        f"{MIN_AUC}, Brier at least {MIN_IMPROVEMENT:.0%} better than the prior, calibration error at most "
        f"{MAX_CALIBRATION_ERROR}.\n\n"
    )
    picture = "![Reliability diagram](../pictures/churn-reliability.svg)\n"
    return head + "\n\n".join(to_markdown(sheet) for sheet in sheets) + "\n\n" + picture


def _scenario(seed: int) -> Scenario:
    # Rare sync jobs: the events go to customers.
    tenants = tuple(
        replace(one, links=tuple(replace(link, sync_minutes=720) for link in one.links)) for one in DEFAULT_TENANTS
    )
    span = timedelta(days=_DAYS)
    rate = rate_for(_EVENTS, span, tenants)
    return Scenario(seed=seed, start=_END - span, end=_END, tenants=tenants, rate=rate, incidents_per_day=0.5)


def _truly_left(scenario: Scenario, judged: Sequence[Judged]) -> list[bool]:
    """Return for each prediction whether the customer had left for good by the due date."""
    turns = scenario.truth(_END, Totals()).churned
    left = {(turn.tenant, pseudonym(turn.tenant, turn.customer_id)): turn.at for turn in turns}
    return [
        (at := left.get((one.snapshot.user_id, one.snapshot.customer_id))) is not None and at < one.snapshot.due_at
        for one in judged
    ]


def _leaky(label: Label) -> Label:
    return label._replace(snapshot=label.snapshot._replace(due_at=label.snapshot.at + timedelta(seconds=1)))


def _measured(labels: Sequence[Label], model: Classifier | None = None) -> Quality:
    return known_quality(replay(labels, DelayedModel() if model is None else model).judged)


def _precision(judged: Sequence[Judged]) -> str:
    named = [one.positive for one in judged if one.probability >= bounds_for(one.prior).enter]
    return f"{len(named)}, {sum(named) / len(named):.0%}" if named else "none"


def _row(name: str, found: Quality) -> tuple[str, ...]:
    auc = "" if found.auc is None else f"{found.auc:.3f}"
    figures = (f"{found.predictions:,}", f"{found.positives / found.predictions:.1%}", auc, f"{found.brier:.4f}")
    return (name, *figures, f"{found.improvement:.1%}", f"{found.calibration_error:.4f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
