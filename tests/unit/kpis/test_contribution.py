from __future__ import annotations

from math import fsum
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.contribution import Key, Makeup, Part, added, decompose, split_evenly, standout

Values = dict[Key, Part]
_KEYS: Final = st.sampled_from(["hubspot", "shopify", "salesforce", "pipedrive", "", "é", "zendesk", "a b"])
_RATES: Final = st.floats(-1e4, 1e4, allow_nan=False, width=32)
_VOLUMES: Final = st.integers(0, 10**7)


def mean(rate: float, weight: float) -> Part:
    return Part(rate * weight, weight, weight)


_MEANS: Final = st.dictionaries(_KEYS, st.builds(mean, _RATES, _VOLUMES), max_size=8)
_SUMS: Final = st.dictionaries(_KEYS, st.builds(lambda amount, n: Part(amount, 0.0, n), _RATES, _VOLUMES), max_size=8)


@settings(max_examples=150, deadline=None)
@given(_MEANS, _MEANS, st.integers(0, 1000), st.integers(2, 6))
def test_the_effects_add_up_to_the_change_of_a_mean_whatever_comes_in(
    before: Values, now: Values, minimum: int, most: int
) -> None:
    found = decompose(Makeup.MEAN, before, now, minimum=minimum, most=most)
    old, new = added(before.values()).rate, added(now.values()).rate
    if old is None or new is None:
        assert found == []
        return
    scale = max(abs(part.rate or 0.0) for part in [*before.values(), *now.values()])
    assert fsum(one.effect for one in found) == pytest.approx(new - old, abs=1e-9 * max(scale, 1))
    assert len(found) <= most
    assert fsum(one.share_before for one in found) == pytest.approx(1)
    assert fsum(one.share_now for one in found) == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(_SUMS, _SUMS, st.integers(2, 6))
def test_the_effects_add_up_to_the_change_of_a_sum_whatever_comes_in(before: Values, now: Values, most: int) -> None:
    found = decompose(Makeup.SUM, before, now, most=most)
    change = added(now.values()).amount - added(before.values()).amount
    assert fsum(one.effect for one in found) == pytest.approx(change, abs=1e-6)
    assert all(one.mix is None and one.rate is None for one in found)


@settings(max_examples=100, deadline=None)
@given(_MEANS, _MEANS, st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(before: Values, now: Values, random: Random) -> None:
    keys = sorted({*before, *now}, key=str)
    random.shuffle(keys)
    first, second = ({key: parts[key] for key in keys if key in parts} for parts in (before, now))
    assert decompose(Makeup.MEAN, before, now, most=4) == decompose(Makeup.MEAN, first, second, most=4)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_KEYS, st.tuples(st.floats(0, 1), st.integers(50, 10**6)), min_size=2), st.data())
def test_the_only_provider_that_changed_is_named_first(
    values: dict[str, tuple[float, int]], data: st.DataObject
) -> None:
    changed = data.draw(st.sampled_from(sorted(values)))
    by = data.draw(st.sampled_from([-0.4, 0.3]))
    before: Values = {key: mean(rate, weight) for key, (rate, weight) in values.items()}
    now: Values = {**before, changed: mean(values[changed][0] + by, values[changed][1])}
    found = decompose(Makeup.MEAN, before, now)
    assert found[0].value == changed
    assert all(one.effect == pytest.approx(0, abs=1e-9) for one in found[1:])
    assert found[0].mix == pytest.approx(0, abs=1e-9)
    change = fsum(one.effect for one in found)
    cause, beyond = standout(found, change)
    assert cause is not None
    assert cause.value == changed
    assert beyond == pytest.approx(1)


def test_simpsons_paradox_is_an_effect_of_the_mix() -> None:
    """Each channel got better, and the whole got worse: the harder channel has more of the volume."""
    before: Values = {"chat": mean(0.90, 900), "email": mean(0.30, 100)}
    now: Values = {"chat": mean(0.92, 400), "email": mean(0.35, 600)}
    found = {one.value: one for one in decompose(Makeup.MEAN, before, now)}
    change = fsum(one.effect for one in found.values())
    assert change == pytest.approx(0.578 - 0.84)
    assert all((one.rate or 0) > 0 for one in found.values())
    assert fsum(one.mix or 0 for one in found.values()) < change
    # Chat, better than the whole, lost volume; email, worse than the whole, won it: both for the worse.
    assert all((one.mix or 0) < 0 for one in found.values())


def test_the_worked_example_of_the_formula() -> None:
    before: Values = {"a": mean(0.5, 60), "b": mean(0.8, 40)}
    now: Values = {"a": mean(0.4, 40), "b": mean(0.9, 60)}
    found = {one.value: one for one in decompose(Makeup.MEAN, before, now)}
    middle = (0.62 + 0.70) / 2
    assert found["a"].rate == pytest.approx(-0.1 * 0.5)
    assert found["a"].mix == pytest.approx(-0.2 * (0.45 - middle))
    assert found["b"].rate == pytest.approx(0.1 * 0.5)
    assert found["b"].mix == pytest.approx(0.2 * (0.85 - middle))


def test_a_value_that_is_new_or_gone_has_an_effect_of_the_mix_and_none_of_the_rate() -> None:
    before: Values = {"old": mean(0.2, 50), "both": mean(0.5, 50)}
    now: Values = {"new": mean(0.9, 50), "both": mean(0.5, 50)}
    found = {one.value: one for one in decompose(Makeup.MEAN, before, now)}
    middle = (0.35 + 0.70) / 2
    assert (found["new"].before, found["new"].rate) == (None, 0.0)
    assert found["new"].mix == pytest.approx(0.5 * (0.9 - middle))
    assert (found["old"].now, found["old"].rate) == (None, 0.0)
    assert found["old"].mix == pytest.approx(-0.5 * (0.2 - middle))


def test_small_values_are_joined_and_the_sum_stays_exact() -> None:
    before: Values = {"big": mean(0.5, 1000), **{f"small {n}": mean(n / 10, n + 1) for n in range(5)}}
    now: Values = {"big": mean(0.4, 1000), **{f"small {n}": mean(1 - n / 10, n + 2) for n in range(5)}}
    found = decompose(Makeup.MEAN, before, now, minimum=30)
    assert [(one.value, one.joined) for one in found] == [("big", 1), (None, 5)]
    change = (added(now.values()).rate or 0) - (added(before.values()).rate or 0)
    assert fsum(one.effect for one in found) == pytest.approx(change, abs=1e-12)
    assert found[1].n_now == 20


def test_one_small_value_keeps_its_name() -> None:
    found = decompose(Makeup.MEAN, {"big": mean(0.5, 1000), "small": mean(1, 3)}, {"big": mean(0.5, 900)}, minimum=30)
    assert {one.value for one in found} == {"big", "small"}


def test_a_period_without_any_volume_has_no_change_to_divide() -> None:
    assert decompose(Makeup.MEAN, {}, {"a": mean(1, 5)}) == []
    assert decompose(Makeup.MEAN, {"a": Part(0, 0, 0)}, {"a": mean(1, 5)}) == []


def test_a_conversation_with_several_providers_counts_in_equal_shares_and_the_whole_stays() -> None:
    sets = {("hubspot",): Part(8, 10, 10), ("hubspot", "shopify"): Part(2, 4, 4), (): Part(1, 2, 2)}
    found = split_evenly(sets)
    assert found == {"hubspot": Part(9, 12, 14), "shopify": Part(1, 2, 4), "": Part(1, 2, 2)}
    assert added(found.values())[:2] == added(sets.values())[:2]


def test_nothing_stands_out_where_all_change_alike_or_there_is_one_value() -> None:
    alike = decompose(Makeup.MEAN, {"a": mean(0.5, 70), "b": mean(0.5, 30)}, {"a": mean(0.4, 70), "b": mean(0.4, 30)})
    assert standout(alike, -0.1)[1] == pytest.approx(0, abs=1e-9)
    single = decompose(Makeup.MEAN, {"a": mean(0.5, 70)}, {"a": mean(0.4, 70)})
    assert standout(single, -0.1)[1] == pytest.approx(0, abs=1e-9)
    assert standout(single, 0.0) == (None, 0.0)
