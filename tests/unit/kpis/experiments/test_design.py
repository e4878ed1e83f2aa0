"""Plans: samples, effects and shares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kpis.experiments.design import (
    ExperimentPlan,
    control_of,
    detectable_effect,
    fixed_sample,
    parsed_shares,
    required_sample,
)
from models.errors import InvalidRequest

_HALVES = (0.5, 0.5)


def test_a_sample_finds_the_effect_that_it_was_planned_for() -> None:
    sample = required_sample(0.03, 0.24, (0.8, 0.2))
    assert detectable_effect(sample, 0.24, (0.8, 0.2)) == pytest.approx(0.03, rel=1e-3)
    assert required_sample(0.015, 0.24, (0.8, 0.2)) == pytest.approx(4 * sample, rel=1e-3)


def test_the_fixed_sample_is_that_of_the_textbook() -> None:
    # 0.5 against 0.55 with power 80 %: 2 (1.96 + 0.8416)² 0.25 / 0.05² in each arm.
    assert fixed_sample(0.05, 0.25, _HALVES) == pytest.approx(3_140, abs=1)
    assert required_sample(0.05, 0.25, _HALVES) / fixed_sample(0.05, 0.25, _HALVES) == pytest.approx(1.92, abs=0.01)


def test_unequal_shares_need_more_conversations() -> None:
    assert required_sample(0.05, 0.25, (0.8, 0.2)) / required_sample(0.05, 0.25, _HALVES) == pytest.approx(
        (1 / 0.8 + 1 / 0.2) / 4, rel=1e-3
    )


def test_shares_are_percentages_by_arm() -> None:
    assert parsed_shares("with=80, without=20") == {"with": 0.8, "without": 0.2}
    assert parsed_shares("a=33.3333333,b=33.3333333,c=33.3333334") == pytest.approx(
        {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    )


def test_an_arm_with_a_comma_is_quoted() -> None:
    assert parsed_shares('"yes, both=50", no=50') == {"yes, both": 0.5, "no": 0.5}
    assert parsed_shares('"say ""hi"", then=50",no=50') == {'say "hi", then': 0.5, "no": 0.5}


_ARM = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(_ARM, _ARM)
def test_every_arm_that_an_event_can_name_can_be_planned(one: str, other: str) -> None:
    assume(one != other)
    text = ",".join(f'"{arm.replace(chr(34), chr(34) * 2)}=50"' for arm in (one, other))
    assert parsed_shares(text) == {one: 0.5, other: 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"with=80,without=20',
        "a=50\nb=50",
        "with",
        "with=80",
        "with=100,without=0",
        "with=80,with=20",
        "with=80,without=30",
        "a=x,b=50",
        "=50,b=50",
        "a=nan,b=50",
    ],
)
def test_other_shares_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parsed_shares(text)
    assert refusal.value.field == "shares"


@pytest.mark.parametrize(
    ("arms", "control"),
    [
        (["with", "without"], "without"),
        (["treated", "control"], "control"),
        (["b", "a"], "a"),
        (["y", "x"], "x"),
        ([], ""),
    ],
)
def test_without_a_plan_the_control_is_the_arm_with_the_usual_name(arms: list[str], control: str) -> None:
    assert control_of(arms, None) == control


def test_a_plan_says_the_control() -> None:
    plan = ExperimentPlan("x", "with", {"with": 0.5, "without": 0.5}, "conversion", 0.02, 5_000)
    assert control_of(["with", "without"], plan) == "with"


@pytest.mark.parametrize("effect", [0.0, -0.1, float("nan"), float("inf"), 1e-9, 1e-300])
@pytest.mark.parametrize("sample", [required_sample, fixed_sample])
def test_an_effect_that_no_sample_finds_is_refused_by_name(effect: float, sample: Callable[..., int]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        sample(effect, 0.24, _HALVES)
    assert refusal.value.field == "effect"


def test_the_largest_effect_takes_a_conversation() -> None:
    assert required_sample(1e308, 0.24, _HALVES) == 1


@pytest.mark.parametrize("text", ["a=0.0000001,b=99.9999999", "a=1e-320,b=99.9999999", "a\x1b[1m=50,b=50"])
def test_shares_that_no_experiment_has_and_arms_that_no_event_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"arm '") as refusal:
        parsed_shares(text)
    assert refusal.value.field == "shares"
    assert len(parsed_shares(",".join(f"{number}{'x' * 126}=5" for number in range(20)))) == 20
    with pytest.raises(InvalidRequest, match="1 to 128 characters"):
        parsed_shares(f"{'x' * 129}=50,b=50")
