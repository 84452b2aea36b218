"""The retraining policy over long periods: repeated ticks, and a target that no model reaches."""

from collections.abc import Callable
from datetime import timedelta
from math import log2

import pytest

from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.retraining import Retraining, decide
from loan_default_assets.policy.state import Limits
from loan_default_assets_tests.policy.test_machine import no_hold
from loan_default_assets_tests.policy.world import World

LIMITS = Limits()


def in_hold() -> World:
    """Three attempts against the champion have failed on the first 3,000 labels."""
    world = World(decide, LIMITS, champion=True)
    world.arrive(3000)
    world.evaluate(0.5)
    for _ in range(3):
        world.wait(timedelta(days=1))
        world.tick()
        world.finish(0.4, 0.5, -0.2)
    return world


def empty() -> World:
    return World(decide, LIMITS)


def rows_only() -> World:
    world = World(decide, LIMITS)
    world.arrive(3000)
    return world


def below_target(promotion: PromotionLimits | None = None) -> World:
    world = World(decide, LIMITS, promotion, champion=True)
    world.arrive(3000)
    world.evaluate(0.5)
    world.wait(timedelta(days=1))
    return world


def run_failed() -> World:
    world = below_target()
    world.tick()
    world.crash(given_up=True)
    return world


@pytest.mark.parametrize(
    ("prepare", "runs"),
    [(empty, 0), (rows_only, 1), (below_target, 1), (run_failed, 0), (in_hold, 0)],
)
def test_ten_thousand_identical_ticks(prepare: Callable[[], World], runs: int) -> None:
    world = prepare()
    before = len(world.ledger.run_keys)
    for _ in range(10_000):
        world.tick()
    assert len(world.ledger.run_keys) - before == runs
    assert len(world.runs) == runs
    assert len(world.ledger.alerts) == world.ledger.holds


def with_unattainable_target(
    world: World, labels: int, day: int, f1: Callable[[int], float] = lambda _: 0.5
) -> World:
    """Days of `day` labels until there are `labels`; no model meets the target or improves on the champion."""
    while world.labels < labels:
        world.wait(timedelta(hours=23))
        world.arrive(day)
        world.evaluate(f1(world.labels))
        world.tick()
        if world.runs:
            world.finish(0.45, f1(world.labels), -0.05)
    return world


@pytest.mark.parametrize("labels", [1_000, 30_000, 1_000_000])
def test_attempts_grow_like_the_logarithm_of_the_labels(labels: int) -> None:
    day = max(100, labels // 1000)
    world = with_unattainable_target(World(decide, LIMITS, champion=True), labels, day)
    # The k-th episode opens with 1000 * 2**(k - 1) labels since the one before: with 1000 * (2**k - 1) in all.
    episodes = int(log2(labels / 1000 + 1))
    assert 3 * (episodes - 1) < world.ledger.attempts <= 3 * episodes
    assert len(world.ledger.alerts) == world.ledger.holds == world.ledger.attempts // 3
    assert world.champion is not None
    assert world.champion.version == "first"


@pytest.mark.parametrize("labels", [14_000, 30_000])
def test_a_lasting_fall_of_f1_causes_exactly_one_episode(labels: int) -> None:
    steady = with_unattainable_target(World(decide, LIMITS, champion=True), labels, 100)
    fallen = with_unattainable_target(
        World(decide, LIMITS, champion=True), labels, 100, lambda known: 0.5 if known < 8000 else 0.3
    )
    assert fallen.ledger.attempts == steady.ledger.attempts + 3


class Unguarded(World):
    """Does not check attempts, so that a broken policy can run on."""

    def _may_start(self, start: Retraining, forced: bool) -> None:
        pass


def test_without_hold_the_attempts_grow_like_the_labels() -> None:
    world = with_unattainable_target(Unguarded(no_hold, LIMITS, champion=True), 60_000, 1000)
    assert world.ledger.attempts > 50


@pytest.mark.parametrize(
    ("promotion", "f1", "low", "share"),
    [
        (PromotionLimits(f1_margin=1, auc_margin=1), 0.9, -0.1, 5),
        (PromotionLimits(f1_threshold=0.5), 0.6, -0.004, 5),
        (PromotionLimits(positive_threshold=0), 0.9, 0.1, 40),
    ],
)
def test_a_lenient_verdict_violates_an_invariant(
    promotion: PromotionLimits, f1: float, low: float, share: int
) -> None:
    for limits in (PromotionLimits(), promotion):
        world = below_target(limits)
        world.tick()
        if limits is promotion:
            with pytest.raises(AssertionError, match="without evidence"):
                world.finish(f1, 0.5, low, share)
        else:
            assert not world.finish(f1, 0.5, low, share).promote
