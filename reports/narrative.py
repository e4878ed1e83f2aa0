"""The narrative of a report, generated from its figures only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kpis.display import shown
from kpis.kpi import Unit
from models.counting import agreeing, counted
from reports.report import Figure, Finding

# Minimum relevant change: points of a share, stars, or relative change.
_NOTEWORTHY: Final = {Unit.RATIO: 0.005, Unit.STARS: 0.05, Unit.SCORE: 0.02, Unit.MONEY_RATIO: 0.05}
_NOTEWORTHY_SHARE: Final = 0.05
_MAX_MOVES: Final = 4
_MAX_RECOMMENDATIONS: Final = 12


def summary(figures: Sequence[Figure], findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the paragraphs of the executive summary."""
    known = [one for one in figures if one.value is not None]
    paragraphs = [_standing(known[:4])] if known else ["There is no data in this range."]
    paragraphs += [text for text in (_moves(known), _worries(known), _events(findings)) if text]
    missing = [one for one in figures if one.value is None and one.notes]
    paragraphs += [f"{one.title} is not known: {one.notes[0]}." for one in missing]
    return tuple(paragraphs)


def recommendations(figures: Sequence[Figure], findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return recommendations, most urgent first: open findings, then figures beyond their thresholds."""
    order = {"critical": 0, "warning": 1}
    pressing = sorted(findings, key=lambda one: (one.ended_at is not None, order.get(one.severity, 2)))
    actions = [f"{one.title}: {action}" for one in pressing for action in one.actions[:1]]
    actions += [
        f"{one.title} is {shown(one.unit, one.value, one.currency)}, which is {one.state}: find out which integration, "
        "stage or channel pulls it there"
        for one in figures
        if one.state in {"critical", "warning"}
    ]
    return tuple(dict.fromkeys(actions))[:_MAX_RECOMMENDATIONS]


def change_in_words(figure: Figure) -> str:
    """Return the change of a figure, for example ``+1.2 points`` or ``-8.0 %``; a dash where unknown."""
    change = figure.change
    if change is None:
        return "-"
    if figure.unit in {Unit.RATIO, Unit.MONEY_RATIO}:
        return counted(change * 100, "point", shown=_signed(change * 100, 1))
    if figure.unit in {Unit.STARS, Unit.SCORE}:
        return _signed(change, 2)
    return f"{_signed(change * 100, 1)} %"


def better(figure: Figure) -> bool | None:
    """Return whether a change is for the better; ``None`` without a change or a better direction."""
    if figure.change is None or figure.good == "neutral" or change_in_words(figure)[0] not in "+-":
        return None
    return (figure.change > 0) == (figure.good == "up")


def _signed(number: float, digits: int) -> str:
    """Return a number with its sign; one that rounds to 0 has none."""
    text = f"{number:+.{digits}f}"
    return text if float(text) else text[1:]


def _standing(figures: Sequence[Figure]) -> str:
    parts = [f"{_inside(one.title)}: {shown(one.unit, one.value, one.currency)}" for one in figures]
    return f"In this period, {'; '.join(parts)}."


def _moves(figures: Sequence[Figure]) -> str:
    moved = [one for one in figures if _noteworthy(one)]
    good = [_moved(one) for one in moved if better(one)][:_MAX_MOVES]
    bad = [_moved(one) for one in moved if better(one) is False][:_MAX_MOVES]
    if not good and not bad:
        begun = any(one.change is None and one.before == 0 and one.value for one in figures)
        compared = any(one.change is not None for one in figures)
        return "Nothing of note changed against the period before." if compared and not begun else ""
    parts = [f"Better than in the period before: {', '.join(good)}." if good else ""]
    parts.append(f"Worse: {', '.join(bad)}." if bad else "")
    return " ".join(part for part in parts if part)


def _moved(figure: Figure) -> str:
    return f"{_inside(figure.title)} ({change_in_words(figure)} to {shown(figure.unit, figure.value, figure.currency)})"


def _worries(figures: Sequence[Figure]) -> str:
    critical = [_inside(one.title) for one in figures if one.state == "critical"]
    warning = [_inside(one.title) for one in figures if one.state == "warning"]
    parts = [
        f"Critical: {', '.join(critical)}." if critical else "",
        f"To watch: {', '.join(warning)}." if warning else "",
    ]
    return " ".join(part for part in parts if part)


def _events(findings: Sequence[Finding]) -> str:
    if not findings:
        return "The detectors found nothing unusual."
    still = [one for one in findings if one.ended_at is None]
    grave = [one for one in findings if one.severity == "critical"]
    many = counted(len(findings), "finding")
    is_open = agreeing(len(still), "is", "are")
    text = f"The detectors reported {many}, {len(grave)} of them critical; {len(still)} {is_open} still open."
    return text + (f" Most pressing: {still[0].title}." if still else "")


def _inside(title: str) -> str:
    """Return a title for use within a sentence; an abbreviation stays as it is."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def weight_of_change(figure: Figure) -> float:
    """Return a change as a multiple of what is worth mentioning; 0 where it is unknown or there is too little data."""
    if figure.change is None or figure.state == "unknown":
        return 0.0
    return abs(figure.change) / _NOTEWORTHY.get(figure.unit, _NOTEWORTHY_SHARE)


def _noteworthy(figure: Figure) -> bool:
    return weight_of_change(figure) >= 1
