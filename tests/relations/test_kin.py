"""By how much what is lost goes to products of the same type: found again where it is planted, 0 where it is not."""

import numpy as np
import pytest

from decisions.relations.kin import Gains, fit_kin, gains_of_all, towards_kin
from decisions.relations.recovery import Counterfactual, Outcome
from features.choice_occasions import Missing

PRODUCTS = 24
WITHOUT = Counterfactual(np.array([1.0]), spread=1.0, drift=0.0, kept=1.0)


def planted(kin, *, events=60, recovery=0.7, gone_as_well=0, seed=3):
    """Events of products that went away: the lost goes where `kin` sends it, on top of what had been bought anyway."""
    random = np.random.default_rng(seed)
    events_of_all = []
    for _ in range(events):
        share = random.dirichlet(np.full(PRODUCTS, 1.5))
        alike = (random.random(PRODUCTS) < 0.2).astype(float)
        growth = np.ones(PRODUCTS)
        growth[:gone_as_well] = 0.0
        alike[:gone_as_well] = 1.0
        lost = float(random.integers(40, 200))
        gained = share * growth * np.exp(kin * alike)
        foreseen = 5 * lost * share * growth
        after = random.poisson(foreseen + lost * recovery * gained / gained.sum()).astype(float)
        missing = Missing(0, PRODUCTS, 100, 156, gone=True)
        outcome = Outcome(
            missing,
            np.arange(PRODUCTS + 1),
            PRODUCTS,
            50,
            np.append(after, 0.0),
            np.append(foreseen, 0.0)[:, None],
            lost,
            0.0,
            growth=growth,
        )
        events_of_all.append(Gains(outcome, share, alike, 50))
    return events_of_all


def found(events):
    return fit_kin(gains_of_all(events, WITHOUT))


@pytest.mark.parametrize("kin", [-0.7, 0.0, 0.8, 1.6])
def test_what_was_planted_is_found_again(kin):
    assert found(planted(kin)) == pytest.approx(kin, abs=0.3)


def test_what_went_away_as_well_is_no_sign_of_strangers():
    # whole types go at once: what is left of them gains as planted
    assert found(planted(1.0, gone_as_well=3)) == pytest.approx(1.0, abs=0.3)


def test_few_events_tell_nothing():
    assert found(planted(1.5, events=19)) == 0.0
    assert found([]) == 0.0


def test_products_that_were_not_missed_do_not_count():
    unmissed = [Gains(_kept(one.outcome), one.share, one.alike, 50) for one in planted(1.5)]
    assert found(unmissed) == 0.0


def _kept(outcome: Outcome) -> Outcome:
    return Outcome(
        outcome.missing,
        outcome.products,
        outcome.place,
        outcome.buyers,
        outcome.after,
        outcome.expected,
        10.0,
        10.0,
        growth=outcome.growth,
    )


def test_shares_stay_shares():
    share, alike = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.0, 1.0, 0.5, 1.0])
    turned = towards_kin(share, alike, 0.9)
    assert turned.sum() == pytest.approx(1.0)
    assert turned[1] / turned[0] == pytest.approx(share[1] / share[0] * np.exp(0.9))
    assert turned[2] / turned[0] == pytest.approx(share[2] / share[0] * np.exp(0.45))
    assert turned[3] == 0.0
    np.testing.assert_allclose(towards_kin(share, alike, 0.0), share)
    assert towards_kin(np.zeros(3), alike[:3], 1.0).tolist() == [0.0, 0.0, 0.0]
