"""Migration never breaks a conversation: shown over random profiles."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadseal.crypto import (
    Action,
    Choice,
    Profile,
    Purpose,
    Status,
    load_profile,
    migration_steps,
    profile_names,
    registry,
)

USABLE = {
    purpose: [row.id for row in registry().values() if purpose.admits(row)] for purpose in Purpose
}


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    choices = {}
    for purpose in Purpose:
        accept = draw(st.lists(st.sampled_from(USABLE[purpose]), min_size=1, unique=True))
        most = len(accept) if purpose.negotiated else 1
        produce = draw(st.lists(st.sampled_from(accept), min_size=1, max_size=most, unique=True))
        choices[purpose] = Choice(tuple(produce), tuple(accept))
    return Profile("random", draw(st.sampled_from("123")), Status.EXPERIMENTAL, "x", choices)


def hears(receiver: Profile, sender: Profile) -> bool:
    """Whether whatever `sender` may produce is accepted; stricter than one agreed algorithm."""
    return all(set(sender[purpose].produce) <= set(receiver[purpose].accept) for purpose in Purpose)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(profiles(), profiles())
def test_stations_one_step_apart_talk(current: Profile, target: Profile) -> None:
    steps = migration_steps(current, target)
    stations = [current, *(step.after for step in steps)]  # each was checked when it was made
    for earlier, later in pairwise(stations):
        assert hears(earlier, later)
        assert hears(later, earlier)
        assert all(earlier.talks_to(later, purpose) for purpose in Purpose)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(profiles(), profiles())
def test_between_widening_and_narrowing_everybody_talks(current: Profile, target: Profile) -> None:
    steps = migration_steps(current, target)
    open_to_both = [current] if not steps or steps[0].action is not Action.WIDEN_ACCEPT else []
    widenings = [step for step in steps if step.action is Action.WIDEN_ACCEPT]
    open_to_both += [step.after for step in widenings[-1:]]
    open_to_both += [step.after for step in steps if step.action is Action.MOVE_PRODUCE]
    for a in open_to_both:
        assert all(hears(a, b) for b in open_to_both)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(profiles(), profiles())
def test_steps_lead_to_the_target_in_order(current: Profile, target: Profile) -> None:
    steps = migration_steps(current, target)
    same = all(current[purpose].same_as(target[purpose]) for purpose in Purpose)
    assert (steps == ()) == same
    order = list(Action)
    places = [order.index(step.action) for step in steps]
    assert places == sorted(places)
    at = current
    for step in steps:
        assert step.before == at
        changed = [p for p in Purpose if not step.before[p].same_as(step.after[p])]
        assert changed == [step.purpose]
        old, new = step.before[step.purpose], step.after[step.purpose]
        match step.action:
            case Action.WIDEN_ACCEPT:
                assert set(new.accept) == set(old.accept) | set(step.algorithms)
                assert new.produce == old.produce
            case Action.MOVE_PRODUCE:
                assert new.produce == step.algorithms
                assert set(new.accept) == set(old.accept)
            case Action.NARROW_ACCEPT:
                assert set(new.accept) == set(old.accept) - set(step.algorithms)
                assert new.produce == old.produce
        at = step.after
    assert at == (target if steps else current)


@pytest.mark.parametrize("current", profile_names())
@pytest.mark.parametrize("target", profile_names())
def test_between_all_shipped_profiles(current: str, target: str) -> None:
    steps = migration_steps(load_profile(current), load_profile(target))
    assert bool(steps) == (current != target)
    assert len({step.after.label for step in steps}) == len(steps)


def test_which_steps_need_a_waiver() -> None:
    classical, hybrid, pqc = map(load_profile, ("classical-2016", "hybrid-2026", "pqc-2030"))
    assert not any(step.needs_waiver for step in migration_steps(classical, hybrid))
    back = [step for step in migration_steps(hybrid, classical) if step.needs_waiver]
    assert {step.purpose for step in back} >= {Purpose.MESSAGE, Purpose.CERTIFICATE}
    onward = [step for step in migration_steps(hybrid, pqc) if step.needs_waiver]
    assert {step.action for step in onward} == {Action.MOVE_PRODUCE}
    assert Purpose.MESSAGE in {step.purpose for step in onward}
    assert Purpose.TLS_AUTHENTICATION not in {step.purpose for step in onward}
