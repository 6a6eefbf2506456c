"""How much comes back after a product went away: worlds in which it is known."""

from dataclasses import replace
from itertools import product as combined

import numpy as np
import pytest

from decisions.relations.fitting import _telling
from decisions.relations.recovery import (
    Counterfactual,
    Outcome,
    Recovery,
    fit_counterfactual,
    measure_outcome,
    recovery,
)
from features.choice_occasions import Missing
from features.choice_state import shelf_state
from tests.choice_worlds import lines_of

GONE_DAY, LAST, WINDOW = 210, 279, 56
HALF = Recovery(0.5, 0.25, 0)


def world(recovered, *, seed, categories=40, households=80):
    """In every second category the first product goes away; so many of its purchases are made all the same, of another."""
    random = np.random.default_rng(seed)
    trips = {}
    for category in range(categories):
        taste = random.dirichlet(np.full(5, 0.6), households) + 1e-3
        rate = random.uniform(0.1, 0.6, households)
        week, who = (random.random(((LAST + 1) // 7, households)) < rate).nonzero()
        day, keys = week * 7 + random.integers(7, size=week.size), random.gumbel(size=(week.size, 5)) + np.log(taste[who])
        first = keys.argmax(axis=1)
        keys[:, 0] = -np.inf
        missed = (category % 2 == 0) & (first == 0) & (day > GONE_DAY)
        product = np.where(missed, keys.argmax(axis=1), first)
        made = ~missed | (random.random(week.size) < recovered)
        columns = (values[made].tolist() for values in (day, who, product))
        name = f"c{category:02d}"
        trips[name] = [(d, f"h{h}", "one", (f"{name}p{p}",)) for d, h, p in zip(*columns, strict=True)]
    return lines_of(trips, LAST)


def outcomes(lines):
    """The events of the even categories, and products that stayed in the odd ones around the same time."""
    random = np.random.default_rng(5)
    events, stayed = [], []
    for category in range(len(lines.categories)):
        shelf = lines.shelf(category)
        if category % 2 == 0:
            days, products, gone, found = [GONE_DAY], [0], True, events
        else:
            days, products, gone, found = random.integers(185, LAST - WINDOW, 5), random.integers(5, size=5), False, stayed
        for day, product in zip(days, products, strict=True):
            missing = Missing(category, int(product), int(day), int(day) + WINDOW, gone=gone)
            found.append(measure_outcome(shelf, shelf_state(shelf, int(day)), missing))
    return events, stayed


@pytest.mark.parametrize("planted", [0.2, 0.8])
def test_planted_recovery_is_found_within_its_error(planted):
    events, stayed = outcomes(world(planted, seed=3))
    found = recovery(fit_counterfactual(stayed), events, prior=HALF, seed=1)
    assert found.events == 20
    assert 0.02 <= found.error < 0.12
    assert abs(found.share - planted) < 2.5 * found.error


def test_placebos_that_the_fit_has_not_seen_have_standard_normal_scores():
    _, stayed = outcomes(world(0.5, seed=4, categories=80))
    seen = [one for one in stayed if one.missing.category % 4 == 1]
    unseen = [one for one in stayed if one.missing.category % 4 == 3]
    fitted = fit_counterfactual(seen)
    z = np.array([fitted.z(one) for one in unseen])
    assert z.size == 100
    assert abs(z.mean()) < 0.3
    assert 0.8 < z.std() < 1.2
    # nothing happened: where there is no event, nothing comes back
    placebo = sum(fitted.excess(one).sum() for one in unseen) / sum(one.own_before for one in unseen)
    assert abs(placebo) < 0.15


WITHOUT = Counterfactual(np.array([0.4, 0.1, 0.5, 0.3]), spread=1.0, drift=0.0, kept=0.6)


def outcome(after, expected, *, own_before=10.0, own_after=8.0, category=0):
    missing = Missing(category, 0, 100, 156, gone=True)
    return Outcome(missing, np.arange(len(after)), 0, 9, np.array(after, float), np.array(expected, float), own_before, own_after)


def test_weights_and_what_a_staying_product_keeps_by_hand():
    exact = [outcome([0, 2 * a + b, b], [[0, 0, 0], [a, b, 0], [0, b, 0]]) for a, b in ((1, 3), (4, 2), (5, 7))]
    found = fit_counterfactual(exact)
    np.testing.assert_allclose(found.weights, [2.0, 1.0, 0.0], atol=1e-9)
    assert found.kept == pytest.approx(0.8)
    assert found.spread == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.excess(exact[0]), 0.0, atol=1e-9)
    assert found.z(exact[1]) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ValueError, match="placebos"):
        fit_counterfactual([])


def test_recovery_is_excess_over_lost_baskets_drawn_to_what_was_thought_before():
    fitted = Counterfactual(np.array([1.0, 0.0, 0.0]), 1.0, 0.0, 0.8)
    events = [outcome([0, 13], [[0, 0, 0], [10, 0, 0]], own_after=2.0, category=n) for n in range(4)]
    assert fitted.lost(events[0]) == pytest.approx(0.8 * 10 - 2)
    assert fitted.lost(replace(events[0], own_after=9.0)) == 0.0
    assert fitted.z(events[0]) == pytest.approx(3 / 10**0.5)
    # alike events leave no spread between categories, but each count is one by chance: 4 of variance 10, 4 x 6 lost
    error = (4 * 10) ** 0.5 / (4 * 6)
    pulled = (0.5 / error**2 + 0.5 / 0.25**2) / (1 / error**2 + 1 / 0.25**2)
    found = recovery(fitted, events, prior=HALF, seed=1)
    assert (found.share, found.error) == (pytest.approx(pulled), pytest.approx((1 / error**2 + 1 / 0.25**2) ** -0.5))
    # of a hundred times as many the error is the least there can be
    many = [replace(one, missing=replace(one.missing, category=n)) for n in range(1000) for one in events]
    assert recovery(fitted, many, prior=HALF, seed=1).error == pytest.approx((1 / 0.02**2 + 1 / 0.25**2) ** -0.5)
    # nothing was lost: nothing is told
    assert recovery(fitted, [replace(one, own_after=9.0) for one in events], prior=HALF, seed=1) == HALF
    assert recovery(fitted, [], prior=HALF, seed=1) == HALF


def test_what_came_back_is_measured_from_both_sides():
    sizes = [
        (float(before), float(recent), float(later)) for before, recent, later in combined((4, 9), (2, 6, 8), (1, 5, 12, 20))
    ]
    placebos = [
        replace(outcome([0, 1], [[0, 0, 0], [1, 0, 0]], own_before=a, own_after=0.3 * b + 0.5 * c), own_recent=b, own_later=c)
        for a, b, c in sizes
    ]
    fitted = fit_counterfactual(placebos)
    np.testing.assert_allclose(fitted.between, [0.0, 0.3, 0.5], atol=1e-9)
    # a season ends: of the 100 baskets before, few would have followed
    ended = replace(placebos[0], own_before=100.0, own_recent=10.0, own_after=1.0, own_later=2.0)
    assert fitted.lost(ended) == pytest.approx(0.3 * 10 + 0.5 * 2 - 1)
    assert fitted.lost(replace(ended, own_later=None)) == pytest.approx(fitted.kept * 100 - 1)
    # too few that are known from both sides
    assert fit_counterfactual(placebos[:19]).between is None


def test_recovery_hears_clusters_and_of_the_chain_those_that_went_alone_where_they_are_enough():
    cluster = np.ones(3, dtype=bool)

    def some(count, **how):
        return [replace(one, missing=replace(one.missing, **how)) for one in [outcome([0], [[0, 0, 0]])] * count]

    alone, together = some(20), some(5, alone=False)
    of_cluster, of_cluster_together = some(3, households=cluster), some(2, households=cluster, alone=False)
    assert len(_telling(alone + together + of_cluster + of_cluster_together)) == 23
    assert len(_telling(alone[:19] + together + of_cluster + of_cluster_together)) == 19 + 5 + 3


def test_growth_by_chance_does_not_make_an_event_count_less():
    fitted = Counterfactual(np.array([1.0]), 1.0, 0.0, 0.8)

    def grown(growth, after, category):
        one = outcome([0, after, 0], [[0], [10 * growth], [0]], own_after=0.0, category=category)
        return replace(one, growth=np.array([1.0, growth]))

    events = [grown(*one, category) for category in range(2000) for one in ((0.5, 12), (2.0, 18))]
    assert [fitted.without_growth(one) for one in events[:2]] == [10.0, 10.0]
    # both count alike: 12 - 5 and 18 - 20 beyond what was foreseen, of 8 lost each
    assert recovery(fitted, events, prior=HALF, seed=1).share == pytest.approx((7 - 2) / 16, abs=0.005)


def test_newcomers_to_a_product_that_stayed_count_as_those_of_one_that_went():
    """Three who never took `a` buy: where it is gone two of them take `b` for it, where it stays they take it."""

    def told(*, there):
        before = [(day, "b1", "one", ("a",)) for day in (120, 150)] + [(160, "b1", "one", ("b",))]
        others = [(day, f"o{day % 3}", "one", ("b",)) for day in range(100, 160, 5)]
        after = [(185 + n, f"o{n}", "one", ("a" if n < 2 and there else "b",)) for n in range(3)]
        shelf = lines_of({"x": before + others + after}, 260).shelf(0)
        return measure_outcome(shelf, shelf_state(shelf, 180), Missing(0, 0, 180, 236, gone=not there))

    gone, stayed = told(there=False), told(there=True)
    assert gone.growth[1] == pytest.approx((3 + 5) / (12 * 56 / 91 + 5))
    assert (gone.newcomers[1], stayed.newcomers[1]) == pytest.approx((0, 2 / (1 + 5)))
    # with all that is lost recovered, both foresee the same
    whole = replace(WITHOUT, recovered=1.0)
    assert whole.growth(stayed)[1] == pytest.approx(whole.growth(gone)[1])
    np.testing.assert_allclose(whole.foreseen(stayed), whole.foreseen(gone))
    assert replace(WITHOUT, recovered=0.0).growth(stayed)[1] == pytest.approx(stayed.growth[1])


def test_outcomes_count_what_was_bought_before_and_after_by_hand():
    before = [(day, "b1", "one", ("a",)) for day in (120, 150)] + [(160, "b1", "one", ("b",)), (90, "b1", "one", ("b",))]
    others = [(day, "o", "one", ("b",)) for day in (130, 170, 175)]
    after = [(185, "b1", "one", ("b",)), (190, "b1", "two", ("a",)), (191, "o", "one", ("b",)), (240, "b1", "one", ("b",))]
    rare = [(170, "once", "one", ("a",)), (171, "once", "one", ("b",)), (185, "once", "one", ("b",))]
    new = [(186, "b1", "one", ("n",)), (192, "o", "one", ("n",))]
    lines = lines_of({"x": before + others + after + rare + new}, 260)
    shelf = lines.shelf(0)
    missing = Missing(0, 0, 180, 236, gone=True)
    found = measure_outcome(shelf, shelf_state(shelf, 180), missing)
    growth = (1 + 5) / (3 * 56 / 91 + 5)
    assert (found.buyers, found.after.tolist(), found.own_after) == (1, [0.0, 1.0, 1.0], 1.0)
    assert found.products.tolist() == [0, 1, -1]
    assert found.own_before == pytest.approx(2 * 56 / 91)
    # b1 took b twice in 91 days (day 90 is one of them), in 28 days once
    popular = 3 / 3 * (2 * 56 / 91) * growth
    # of what is new, the buyers are expected to take as much as the others did, for their baskets: two of b, two of a
    fresh = 1 / 3 * (2 * 56 / 91)
    known = [2 * 56 / 91 * growth, 1 * 56 / 28 * growth, popular, popular]
    np.testing.assert_allclose(found.expected, [[0, 0, 0, 0], known, [0, 0, fresh, fresh]])
    assert (found.own_recent, found.own_later) == (0.0, None)
    # nobody came to a
    np.testing.assert_allclose([found.growth[1], *found.newcomers], [growth, 0, 0])
    # what is seen of four weeks after it was back: day 240, none of a
    assert measure_outcome(shelf, shelf_state(shelf, 180), replace(missing, back=True)).own_later == 0.0
    short = replace(missing, until=184, back=True)
    assert measure_outcome(shelf, shelf_state(shelf, 180), short).own_later == pytest.approx(1 * 4 / 28)
    assert measure_outcome(shelf, shelf_state(shelf, 180), Missing(0, 7, 180, 236, gone=True)) is None
