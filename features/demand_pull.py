"""How far a product's neighbours pull its demand in one week: what their promotions, or their absence, take from it or bring it.

A promotion of A is expected to lift A's sales by a part `x` of what A sells without one (`OwnLift`); a product that is gone has
`x = -1`. Of what A gains, its edges say where it comes from: the diversion ratio of a substitute, with a minus, and the gain
in attach rate of a complement. So an edge A -> B moves B by the factor `1 + theta * x`, where theta is its strength, put on B's
scale:

- substitutes: the geometric mean of strength(A -> B), and of strength(B -> A) times what A sells for each unit of B. Both are
  estimates of one figure where demand is a choice: the cross effects of a logit are symmetric.
- complements: strength(A -> B); of gains in attach rates both directions are one count.

The pull is the sum of the logarithms of these factors. Nothing in it is told by correlations of single pairs: a year holds too
few promotions of a neighbour for them. How far all edges of a relation together are right is measured on the products' own
weeks (`scales`), and drawn to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from features.demand_neighbours import Neighbours
from features.demand_panel import DemandPanel
from features.demand_relations import STEADY_UNITS, has_stopped

__all__ = ["PULLING", "PULL_FEATURES", "OwnLift", "Pull", "own_lift", "pull_at", "pull_block", "pull_factor"]

PULLING = ("isSubstituteFor", "isComplementTo")
"""Relations whose strength says how many units follow those of the neighbour; baskets in common do not."""
PULL_FEATURES = tuple(f"{relation}_{signal}" for relation in PULLING for signal in ("pull", "usual_pull"))
"""The pull of the week ahead, and that of the weeks which the level is told from."""
SIGNS = {"isSubstituteFor": -1.0, "isComplementTo": 1.0}
HALF_LIFE_WEEKS = 26.0
USUAL_HALF_LIFE_WEEKS = 9.0
"""About how far back the level looks that a forecast starts from."""
COVERED = 0.1
LEAST_CUT, LARGEST_CUT = 0.03, 1.2
"""Logarithms of the usual over the price: smaller ones are no promotion, larger ones an error."""
LEAST_UNITS = 0.2
RIDGE = 1.0
NEWTON_STEPS = 8
LARGEST_LIFT = 8.0
LARGEST_SHARE = 0.8
OWN_DEVIATION = 0.5
"""By how much (a part, one standard deviation) products differ in what a like promotion lifts them by."""
SCALE_DEVIATION = 0.25
NOISE = 0.05
"""Squared relative error of what a week was expected to sell, beside counting."""
LEAST_FACTOR, LARGEST_FACTOR = 0.2, 2.0
"""Neighbours, one or all together, take at most four fifths of sales and double them at most: edges told by few events would say
more.
"""


@dataclass(frozen=True, slots=True, eq=False)
class OwnLift:
    """What promotions do to the promoted products, as known at an origin. Columns are by product.

    `regular` is units a week without a promotion, `effects` (3) what a display everywhere, a mailer everywhere and a price lower
    by a factor e add to the logarithm of sales, `response` by what a product's lift differs from that, `cut` the logarithm of
    the usual over the promoted price of its past promotions. `share` (0 to 1) is the part of the choices around a product that it
    has already: a promotion that makes it `f` times as good multiplies its sales by `f / (1 + share * (f - 1))`, as in a logit.
    """

    regular: np.ndarray
    share: np.ndarray
    effects: np.ndarray
    response: np.ndarray
    cut: np.ndarray
    usual_price: np.ndarray

    def of(self, display: np.ndarray, mailer: np.ndarray, cut: np.ndarray) -> np.ndarray:
        """Return the lift (a part of regular sales) of coverage and cuts, each N, or N x weeks."""
        told = display * self.effects[0] + mailer * self.effects[1] + cut * self.effects[2]
        response, share = (one if told.ndim == 1 else one[:, None] for one in (self.response, self.share))
        better = np.expm1(np.minimum(told, np.log1p(LARGEST_LIFT)))
        return np.asarray(np.clip(response * (1.0 - share) * better / (1.0 + share * better), -1.0, LARGEST_LIFT))


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """What is known at an origin to tell pulls with: theta by relation (N x N, row: the product, column: its neighbour).

    `usual_lift` (N) is what products were lifted by in the weeks that levels are told from, `usual` the pull of that by relation.
    A product that nothing is known of in a week without a plan is taken to be lifted as usual, so that it pulls nobody anew.
    """

    lift: OwnLift
    theta: Mapping[str, sparse.csr_array]
    usual_lift: np.ndarray
    usual: Mapping[str, np.ndarray]
    origin: int
    stopped: np.ndarray

    def lift_of(self, panel: DemandPanel, horizon: int, *, planned: bool) -> np.ndarray:
        """Return the lift of every product in one week ahead (N)."""
        return _lift_ahead(panel, self, horizon, planned=planned)

    def lift_without(self, panel: DemandPanel, horizon: int) -> np.ndarray:
        """Return the lift that products have when nothing is told of them in one week ahead (N): none where a plan is known."""
        return np.zeros_like(self.usual_lift) if horizon <= panel.planned_weeks else self.usual_lift

    def of_edges(self, relation: str, lift: np.ndarray) -> sparse.csr_array:
        """Return the logarithm of the factor of each edge (N x N) when products are lifted so."""
        theta = self.theta[relation]
        moved = np.log(self.factors(theta.data, lift[theta.indices]))
        return sparse.csr_array((moved, theta.indices, theta.indptr), shape=theta.shape)

    @staticmethod
    def factors(theta: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Return by what neighbours that are lifted so multiply sales, edge by edge."""
        return np.asarray(np.clip(1.0 + theta * lift, LEAST_FACTOR, LARGEST_FACTOR))

    def of_products(self, relation: str, lift: np.ndarray) -> np.ndarray:
        """Return the pull on each product (N)."""
        return np.asarray(self.of_edges(relation, lift).sum(axis=1)).reshape(-1)


def own_lift(panel: DemandPanel, origin: int, regular: np.ndarray, share: np.ndarray) -> OwnLift:
    """Return what promotions up to `origin` did to the promoted products."""
    units = panel.units[:, :origin].astype(np.float64)
    display, mailer = (np.nan_to_num(part[:, :origin]).astype(np.float64) for part in (panel.display, panel.mailer))
    covered = np.maximum(display, mailer) >= COVERED
    fading = 0.5 ** (np.arange(origin - 1, -1, -1) / HALF_LIFE_WEEKS)
    usual_price = usual_price_of(panel, origin)
    cut = _cuts(panel.price[:, :origin].astype(np.float64), usual_price[:, None])
    promoted = covered | (cut > 0)
    steady = promoted & (regular >= STEADY_UNITS)[:, None]
    effects = _effects(units, np.stack([display, mailer, cut], axis=2), steady, regular, share)
    lift = OwnLift(regular, share, effects, np.ones(len(units)), _usual_cut(cut, covered, fading), usual_price)
    return replace(lift, response=_responses(units, lift, (display, mailer, cut), promoted, fading))


def usual_price_of(panel: DemandPanel, origin: int) -> np.ndarray:
    """Return the mean price of the weeks without a promotion (N)."""
    price = panel.price[:, :origin].astype(np.float64)
    fading = 0.5 ** (np.arange(origin - 1, -1, -1) / HALF_LIFE_WEEKS)
    return _mean(price, ~_covered(panel, origin) & ~np.isnan(price), fading)


def regular_units(panel: DemandPanel, origin: int) -> np.ndarray:
    """Return units a week without a promotion (N), drawn to the mean of all weeks by one: some products are always promoted."""
    fading = 0.5 ** (np.arange(origin - 1, -1, -1) / HALF_LIFE_WEEKS)
    units, price = (part[:, :origin].astype(np.float64) for part in (panel.units, panel.price))
    promoted = _covered(panel, origin) | (_cuts(price, usual_price_of(panel, origin)[:, None]) > 0)
    whole = units @ (fading / fading.sum())
    found = (np.where(promoted, 0.0, units) @ fading + whole) / (~promoted @ fading + 1.0)
    return np.asarray(np.maximum(found, LEAST_UNITS))


def pull_at(panel: DemandPanel, neighbours: Neighbours, origin: int, *, scaled: bool = True) -> Pull:
    """Return what tells pulls at an origin: reads sales before it alone.

    Args:
        panel: the chain's.
        neighbours: over its products.
        origin: known weeks.
        scaled: whether strengths are scaled to what products sold in their own weeks (`scales`); False takes them as they are.
    """
    regular = regular_units(panel, origin)
    theta = {name: _theta(neighbours, name, regular) for name in PULLING if name in neighbours.strengths}
    lift = own_lift(panel, origin, regular, _shares(theta.get("isSubstituteFor"), regular))
    past = _past_lift(panel, lift, origin)
    if scaled:
        told = scales(panel, theta, past, origin)
        theta = {name: one * told[name] for name, one in theta.items()}
    fading = 0.5 ** (np.arange(origin - 1, -1, -1) / USUAL_HALF_LIFE_WEEKS)
    usual = past @ (fading / fading.sum())
    found = Pull(lift, theta, usual, {}, origin, has_stopped(panel, origin))
    return replace(found, usual={name: found.of_products(name, usual) for name in theta})


def _covered(panel: DemandPanel, origin: int) -> np.ndarray:
    return np.asarray(np.fmax(np.nan_to_num(panel.display[:, :origin]), np.nan_to_num(panel.mailer[:, :origin])) >= COVERED)


def _shares(theta: sparse.csr_array | None, regular: np.ndarray) -> np.ndarray:
    """Return the share of choices of each product among those that it is a substitute of: -theta / (1 - theta), by their sales.

    In a logit theta is the share over what is left of the choices.
    """
    if theta is None:
        return np.zeros(len(regular))
    row = np.repeat(np.arange(theta.shape[0]), np.diff(theta.indptr))
    weight = np.bincount(theta.indices, regular[row], minlength=len(regular))
    told = np.bincount(theta.indices, regular[row] * -theta.data / (1.0 - theta.data), minlength=len(regular))
    return np.minimum(told / np.maximum(weight, 1e-9), LARGEST_SHARE)


def pull_block(panel: DemandPanel, pull: Pull, horizon: int, rows: np.ndarray, *, planned: bool) -> np.ndarray:
    """Return len(rows) x len(PULL_FEATURES) as float32; NaN where a product has no such neighbours."""
    lift, columns = pull.lift_of(panel, horizon, planned=planned), []
    for relation in PULLING:
        if relation not in pull.theta:
            columns += [np.full(len(rows), np.nan)] * 2
            continue
        some = np.diff(pull.theta[relation].indptr)[rows] > 0
        ahead = pull.of_products(relation, lift)[rows]
        columns += [np.where(some, ahead, np.nan), np.where(some, pull.usual[relation][rows], np.nan)]
    return np.stack(columns, axis=1).astype(np.float32)


def pull_factor(features: np.ndarray) -> np.ndarray:
    """Return by what a forecast is to be multiplied (n), from columns of PULL_FEATURES; 1 where nothing is known of the week."""
    ahead, usual = features[:, 0::2].astype(np.float64), features[:, 1::2].astype(np.float64)
    moved = np.exp(np.nan_to_num(ahead - usual).sum(axis=1))
    return np.asarray(np.clip(moved, LEAST_FACTOR, LARGEST_FACTOR))


def scales(panel: DemandPanel, theta: Mapping[str, sparse.csr_array], past: np.ndarray, origin: int) -> Mapping[str, float]:
    """Return by what the pulls of each relation are to be multiplied, so that they agree with what products sold in their own
    unpromoted weeks; drawn to 1.
    """
    names = list(theta)
    if not names:
        return {}
    units, expected = (part[:, :origin].astype(np.float64) for part in (panel.units, panel.expected))
    covered = np.fmax(np.nan_to_num(panel.display[:, :origin]), np.nan_to_num(panel.mailer[:, :origin])) >= COVERED
    expected = np.maximum(expected, LEAST_UNITS)
    weight = np.where(covered | (past > 0), 0.0, 1.0 / (1.0 / expected + NOISE))
    weight[:, :1] = 0.0
    beyond = _centred(units / expected - 1.0, weight)
    signs = np.stack([_centred(np.asarray(theta[name] @ past), weight) for name in names])
    flat = signs.reshape(len(names), -1)
    weighted = flat * weight.reshape(-1)
    prior = np.eye(len(names)) / SCALE_DEVIATION**2
    found = np.linalg.solve(weighted @ flat.T + prior, weighted @ beyond.reshape(-1) + prior.sum(axis=1))
    return dict(zip(names, np.clip(found, 0.0, 2.0).tolist(), strict=True))


def _theta(neighbours: Neighbours, relation: str, regular: np.ndarray) -> sparse.csr_array:
    into = neighbours.strengths[relation]
    data = into.data.astype(np.float64)
    if relation == "isSubstituteFor":
        back = neighbours.returned[relation].data.astype(np.float64)
        row = np.repeat(np.arange(into.shape[0]), np.diff(into.indptr))
        turned = back * regular[into.indices] / regular[row]
        data = np.where(back > 0, np.sqrt(data * turned), data)
    return sparse.csr_array((SIGNS[relation] * data, into.indices, into.indptr), shape=into.shape)


def _lift_ahead(panel: DemandPanel, pull: Pull, horizon: int, *, planned: bool) -> np.ndarray:
    column = pull.origin + horizon - 1
    display = mailer = np.zeros(len(panel.product_ids))
    if planned:
        display, mailer = (np.nan_to_num(part[:, column]).astype(np.float64) for part in (panel.display, panel.mailer))
    # in a week that has no plan of its own a supposition tells of what it names, and of nothing else
    whole = planned and not (horizon > panel.planned_weeks and horizon in panel.planned_also)
    told, away = (np.maximum(display, mailer) > 0) | whole, pull.stopped & whole
    cut = pull.lift.cut * (np.maximum(display, mailer) >= COVERED)
    if panel.ahead is not None and panel.ahead.prices is not None:
        price = panel.ahead.prices[horizon - 1, :, column].astype(np.float64)
        cut = np.where(np.isnan(price), cut, _cuts(price, pull.lift.usual_price))
        told = told | ~np.isnan(price)
    found = np.where(told, pull.lift.of(display, mailer, cut), pull.usual_lift)
    return np.where(away if panel.gone is None else away | panel.gone[:, horizon - 1], -1.0, found)


def _past_lift(panel: DemandPanel, lift: OwnLift, origin: int) -> np.ndarray:
    """Return the lift of past weeks by their realised prices (N x T); -1 where a steady seller sold nothing for two weeks."""
    display, mailer = (np.nan_to_num(part[:, :origin]).astype(np.float64) for part in (panel.display, panel.mailer))
    price = panel.price[:, :origin].astype(np.float64)
    cut = np.where(
        np.isnan(price), lift.cut[:, None] * (np.maximum(display, mailer) >= COVERED), _cuts(price, lift.usual_price[:, None])
    )
    nothing = panel.sold[:, :origin] == 0
    beside = np.zeros_like(nothing)
    beside[:, 1:] |= nothing[:, :-1]
    beside[:, :-1] |= nothing[:, 1:]
    away = nothing & beside & (lift.regular >= STEADY_UNITS)[:, None]
    return np.where(away, -1.0, lift.of(display, mailer, cut))


def _cuts(price: np.ndarray, usual: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = np.log(usual / price)
    return np.where(cut >= LEAST_CUT, np.minimum(cut, LARGEST_CUT), 0.0)


def _mean(values: np.ndarray, chosen: np.ndarray, fading: np.ndarray) -> np.ndarray:
    weight = chosen * fading
    total = weight.sum(axis=1)
    return np.where(total > 0, np.where(chosen, values, 0.0) @ fading / np.where(total > 0, total, 1.0), np.nan)


def _usual_cut(cut: np.ndarray, covered: np.ndarray, fading: np.ndarray) -> np.ndarray:
    """Return the mean cut of a product's promoted weeks, drawn to that of all by one week."""
    weight = covered * fading
    pooled = float((cut * weight).sum() / max(float(weight.sum()), 1e-9))
    return np.asarray(((cut * weight).sum(axis=1) + pooled) / (weight.sum(axis=1) + 1.0))


def _effects(units: np.ndarray, signs: np.ndarray, chosen: np.ndarray, regular: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the Poisson regression of promoted weeks on coverage and cut, beside the regular sales (Gauss-Newton)."""
    told, sold = signs[chosen], units[chosen]
    usual, shared = (np.broadcast_to(one[:, None], units.shape)[chosen] for one in (regular, share))
    effects = np.zeros(signs.shape[2])
    for _ in range(NEWTON_STEPS):
        better = np.expm1(np.minimum(told @ effects, np.log1p(LARGEST_LIFT)))
        mean = usual * (1.0 + better) / (1.0 + shared * better)
        slopes = told * ((1.0 - shared) / (1.0 + shared * better))[:, None]
        curvature = (slopes.T * mean) @ slopes + RIDGE * np.eye(len(effects))
        effects = effects + np.linalg.solve(curvature, slopes.T @ (sold - mean) - RIDGE * effects)
    return effects


def _responses(
    units: np.ndarray, lift: OwnLift, signs: tuple[np.ndarray, np.ndarray, np.ndarray], promoted: np.ndarray, fading: np.ndarray
) -> np.ndarray:
    """Return by what each product's lift differs from that of all, drawn to 1 as far as counting noise leaves it open."""
    expected = lift.regular[:, None] * lift.of(*signs)
    weight = promoted * fading
    seen = ((units - lift.regular[:, None]) * weight).sum(axis=1)
    told = (expected * weight).sum(axis=1)
    variance = 2.0 * (units * weight**2).sum(axis=1) + 1.0
    precision = told**2 / variance
    response = (seen * told / variance + 1.0 / OWN_DEVIATION**2) / (precision + 1.0 / OWN_DEVIATION**2)
    return np.asarray(np.clip(response, 0.2, 3.0))


def _centred(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(values - (values * weight).sum(axis=1, keepdims=True) / total)
