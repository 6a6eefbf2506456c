"""What-ifs about the tiny shop, whose answers are worked out by hand."""

from dataclasses import replace
from itertools import pairwise

import pytest

from decisions.substitution import (
    AssortmentRequest,
    DelistRequest,
    DropCountOutOfRange,
    EmptyStoreSet,
    HorizonOutOfRange,
    LimitOutOfRange,
    NoHistory,
    NoMargin,
    NoReplacementKnown,
    NothingLeft,
    Objective,
    OtherDay,
    ProductCountOutOfRange,
    StoresNamedTwice,
    UnknownCategory,
    UnknownCluster,
    UnknownProduct,
    UnknownStore,
)
from decisions.substitution.contract import AssumptionKind
from kg.ports import Direction
from kit.canonical import canonical_bytes
from tests.substitution.conftest import AS_OF, CHAIN_EDGES, UNITS

ALONE = DelistRequest(("M0",), horizon_weeks=1)


def by_id(answer):
    return {one.product_id: one for one in answer.replacements}


def kinds(answer):
    return {one.kind for one in answer.assumptions}


def test_one_product_in_the_chain(room) -> None:
    answer = room.delist(ALONE)
    named = by_id(answer)
    assert {one: (named[one].units, named[one].diversion_ratio) for one in named} == {"M1": (30.0, 0.3), "M2": (10.0, 0.1)}
    assert (named["M1"].low, named["M1"].high) == pytest.approx((30 * 0.6, 30 * 1.5), rel=0.1)
    sums = (answer.lost.units, answer.picked_up.units, answer.stays_elsewhere.units, answer.leaves.units)
    assert sums == pytest.approx((100.0, 40.0, 10.0, 50.0))
    assert answer.stays_in_category.units == pytest.approx(50.0)
    assert [(one.scope, one.products, one.lost_units) for one in answer.scopes] == [("chain", 1, 100.0)]
    assert answer.events.same_category
    assert answer.events.events[0].product_id == "M3"
    assert kinds(answer) == {
        AssumptionKind.RECOVERY, AssumptionKind.FIRST_CHOICES, AssumptionKind.WITHIN_CATEGORY, AssumptionKind.DEMAND,
    }  # fmt: skip
    recovery = next(one for one in answer.assumptions if one.kind is AssumptionKind.RECOVERY)
    assert (recovery.identified, recovery.value) == (False, 0.5)


def test_products_delisted_together_pass_demand_on(room) -> None:
    answer = room.delist(DelistRequest(("M1", "M0", "M0"), horizon_weeks=1))
    # visits: m0 = 100 + .2 m1, m1 = 60 + .3 m0; what no edge names of each goes to M3 and, of M1, to nobody that is named
    m0 = (100 + 0.2 * 60) / (1 - 0.06)
    m1 = 60 + 0.3 * m0
    assert answer.product_ids == ("M0", "M1")
    named = by_id(answer)
    assert named["M2"].units == pytest.approx(0.1 * m0 + 0.2 * m1)
    assert named["M2"].passed_on_units == pytest.approx(0.1 * (m0 - 100) + 0.2 * (m1 - 60))
    assert answer.stays_elsewhere.units == pytest.approx(0.1 * m0 + 0.1 * m1)
    assert answer.leaves.units == pytest.approx(0.5 * (m0 + m1))
    total = answer.picked_up.units + answer.stays_elsewhere.units + answer.leaves.units
    assert total == pytest.approx(answer.lost.units) == pytest.approx(160.0)
    assert sum(one.leaves for one in answer.delisted) == pytest.approx(answer.leaves.units)
    assert AssumptionKind.PASSED_ON in kinds(answer)


def test_what_no_edge_of_its_own_names_goes_by_popularity_to_what_others_name(room) -> None:
    answer = room.delist(DelistRequest(("M0", "M2"), horizon_weeks=1))
    # M2's rest, .25, is shared by M1 (60) and M3 (10): M1 is named by M0
    m0 = (100 + 0.25 * 30) / (1 - 0.1 * 0.25)
    m2 = 30 + 0.1 * m0
    assert by_id(answer)["M1"].units == pytest.approx(0.3 * m0 + 0.25 * m2 * 60 / 70)
    over_category = [one for one in answer.explanation.paths if one.hops[0].relation == "inCategory"]
    assert [[hop.relation for hop in one.hops] for one in over_category] == [["inCategory", "inCategory"]]
    assert over_category[0].contribution == pytest.approx(0.25 * m2 * 60 / 70)


@pytest.mark.parametrize("ids", [("M0",), ("M0", "M1"), ("M0", "M2"), ("M0", "M1", "C0")])
def test_contributions_sum_and_hops_exist(room, ids) -> None:
    answer = room.delist(DelistRequest(ids, cluster_id="cluster-1"))
    paths = answer.explanation.paths
    assert sum(one.contribution for one in paths) == pytest.approx(answer.picked_up.units)
    assert len(paths) >= 2
    for hop in (hop for path in paths for hop in path.hops):
        found = room.graph.related(hop.relation, (hop.source.id,), direction=Direction.OUT, limit=100)[hop.source.id]
        assert (hop.target.id, hop.evidence.scope) in [(edge.target.id, edge.properties.get("scope")) for edge in found]
    for path in paths:
        walked = [(hop.target.id, hop.source.id) if hop.walked_backwards else (hop.source.id, hop.target.id) for hop in path.hops]
        assert all(before[1] == after[0] for before, after in pairwise(walked))
        assert walked[0][0] in ids
        assert walked[-1][1] in by_id(answer)


def test_a_cluster_answers_with_its_own_edges_and_the_chain_stands_in(room) -> None:
    answer = room.delist(DelistRequest(("M0", "M1"), cluster_id="cluster-1", horizon_weeks=1))
    assert [(one.scope, one.products) for one in answer.scopes] == [("chain", 1), ("store_cluster:cluster-1", 1)]
    assert answer.lost.units == pytest.approx(0.75 * 160)
    chain = next(one for one in answer.assumptions if one.kind is AssumptionKind.CHAIN_FOR_CLUSTER)
    assert chain.products == 1
    assert {one.product_id: one.scope for one in answer.delisted} == {"M0": "store_cluster:cluster-1", "M1": "chain"}
    alone = by_id(room.delist(replace(ALONE, cluster_id="cluster-1")))
    assert {one: alone[one].units for one in alone} == pytest.approx({"M1": 7.5, "M2": 26.25})
    assert {one.scope for one in alone.values()} == {"store_cluster:cluster-1"}


def test_stores_of_several_clusters_are_summed(room) -> None:
    both = room.delist(replace(ALONE, store_ids=("S2", "S1", "S2")))
    assert both.store_ids == ("S1", "S2")
    assert {one.scope for one in both.scopes} == {"chain", "store_cluster:cluster-1"}
    named = by_id(both)
    assert named["M1"].units == pytest.approx(7.5 + 25 * 0.3, rel=0.01)
    assert named["M1"].scope in {"chain", "store_cluster:cluster-1"}
    assert sum(one.contribution for one in both.explanation.paths) == pytest.approx(both.picked_up.units)


def test_intervals_hold_their_values_and_widen_with_doubt_about_demand(open_room) -> None:
    sure, unsure = (open_room(width=width).delist(DelistRequest(("M0", "M1"))) for width in (0.0, 0.5))
    for name in ("lost", "picked_up", "stays_elsewhere", "stays_in_category", "leaves"):
        narrow, wide = getattr(sure, name), getattr(unsure, name)
        assert wide.low <= narrow.low <= narrow.units <= narrow.high <= wide.high, name
    assert sure.lost.low == sure.lost.high == sure.lost.units
    for one in (*sure.replacements, *unsure.replacements):
        assert 0 <= one.low <= one.units <= one.high


def test_the_limit_names_fewer_and_keeps_the_sums(room) -> None:
    few, all_of_them = (room.delist(replace(ALONE, limit=limit)) for limit in (1, 20))
    assert [one.product_id for one in few.replacements] == ["M1"]
    assert (few.replacements_total, all_of_them.replacements_total) == (2, 2)
    assert few.stays_elsewhere.units == pytest.approx(20.0)
    assert few.stays_in_category == all_of_them.stays_in_category


def test_products_without_history_or_replacement_are_said(open_room) -> None:
    room = open_room(chain={**CHAIN_EDGES, ("M0", "X0"): 0.2})
    answer = room.delist(DelistRequest(("M0", "M3", "X0")))
    assert {AssumptionKind.NO_HISTORY, AssumptionKind.NO_REPLACEMENT} <= kinds(answer)
    lost = {one.product_id: one.lost for one in answer.delisted}
    assert lost["X0"] is None
    assert lost["M3"].units == pytest.approx(40.0)
    assert {one.product_id: one.replacements for one in answer.delisted} == {"M0": 2, "M3": 0, "X0": 1}


def test_the_same_request_gives_the_same_bytes(open_room) -> None:
    first, second = open_room(), open_room()
    request = DelistRequest(("M1", "M0"), store_ids=("S1", "S2"))
    assert canonical_bytes(first.delist(request)) == canonical_bytes(second.delist(request))
    other = replace(request, product_ids=("M0", "M1"), store_ids=("S2", "S1"))
    assert canonical_bytes(first.delist(request)) == canonical_bytes(first.delist(other))


BAD = [
    (DelistRequest(()), ProductCountOutOfRange),
    (DelistRequest(tuple(f"P{one}" for one in range(501))), ProductCountOutOfRange),
    (DelistRequest(("M0", "nothing")), UnknownProduct),
    (replace(ALONE, store_ids=("nowhere",)), UnknownStore),
    (replace(ALONE, store_ids=()), EmptyStoreSet),
    (replace(ALONE, store_ids=("S1",), cluster_id="cluster-1"), StoresNamedTwice),
    (replace(ALONE, cluster_id="cluster-9"), UnknownCluster),
    (replace(ALONE, horizon_weeks=9), HorizonOutOfRange),
    (replace(ALONE, horizon_weeks=0), HorizonOutOfRange),
    (replace(ALONE, limit=0), LimitOutOfRange),
    (replace(ALONE, limit=101), LimitOutOfRange),
    (replace(ALONE, as_of=AS_OF.replace(day=1)), OtherDay),
    (DelistRequest(("X0",)), NoHistory),
    (replace(ALONE, store_ids=("S3",)), NoHistory),
    (DelistRequest(("M3",)), NoReplacementKnown),
    (DelistRequest(("C0", "C1")), NothingLeft),
    (DelistRequest(tuple(UNITS)), NothingLeft),
]


@pytest.mark.parametrize(("request_made", "error"), BAD)
def test_bad_requests_are_refused_with_what_to_do_next(room, request_made: DelistRequest, error) -> None:
    with pytest.raises(error) as refused:
        room.delist(request_made)
    assert refused.value.problem
    assert refused.value.remedy


MILK = AssortmentRequest("DAIRY > MILK", 2, horizon_weeks=1)


def test_a_proposal_loses_what_the_what_if_says(room) -> None:
    answer = room.propose(MILK)
    dropped = tuple(one.product_id for one in answer.dropped)
    told = room.delist(DelistRequest(dropped, horizon_weeks=1))
    assert answer.loss.units == pytest.approx(told.leaves.units)
    assert (answer.loss.low, answer.loss.high) == pytest.approx((told.leaves.low, told.leaves.high), rel=1e-6)
    assert sum(one.cost for one in answer.dropped) == pytest.approx(answer.loss.units)
    assert (answer.considered, answer.optimal, answer.method, answer.simulated) == (4, True, "exact", False)
    assert "units that leave the shop in 1 week, of 200.0." in answer.explanation.text
    assert answer.least_possible == pytest.approx(answer.loss.units)
    every = [
        room.delist(DelistRequest((one, other), horizon_weeks=1)).leaves.units
        for one in ("M0", "M1", "M2") for other in ("M1", "M2", "M3") if one < other
    ]  # fmt: skip
    assert answer.loss.units == pytest.approx(min(every))


def test_margins_count_what_is_kept_and_say_that_costs_are_simulated(open_room) -> None:
    room = open_room(costs={"M0": 2.9, "M1": 1.0, "M2": 1.0})
    answer = room.propose(replace(MILK, count=1, objective=Objective.MARGIN))
    # M0 earns .1 a unit: its buyers bring 2 a unit with M1 and M2, and the mean margin with what no edge names
    assert [one.product_id for one in answer.dropped] == ["M0"]
    mean = (100 * 0.1 + 60 * 2 + 30 * 2) / 190
    assert answer.loss.units == pytest.approx(100 * 0.1 - 100 * (0.4 * 2 + 0.1 * mean))
    assert answer.dropped[0].margin_per_unit == pytest.approx(0.1)
    assert "so margin is won" in answer.explanation.text
    assert answer.simulated
    told = {one.kind: one.products for one in answer.assumptions}
    assert (told[AssumptionKind.SIMULATED_COST], told[AssumptionKind.WITHOUT_COST]) == (3, 1)


BAD_PROPOSALS = [
    (replace(MILK, count=0), DropCountOutOfRange),
    (replace(MILK, count=4), DropCountOutOfRange),
    (replace(MILK, category_id="NOTHING"), UnknownCategory),
    (replace(MILK, horizon_weeks=9), HorizonOutOfRange),
    (replace(MILK, store_ids=()), EmptyStoreSet),
    (replace(MILK, store_ids=("S3",)), NoHistory),
    (replace(MILK, cluster_id="cluster-9"), UnknownCluster),
    (replace(MILK, as_of=AS_OF.replace(day=1)), OtherDay),
]


@pytest.mark.parametrize(("request_made", "error"), BAD_PROPOSALS)
def test_bad_proposals_are_refused(room, request_made: AssortmentRequest, error) -> None:
    with pytest.raises(error):
        room.propose(request_made)


def test_margins_need_a_cost(open_room) -> None:
    with pytest.raises(NoMargin):
        open_room(costs={"C0": 1.0}).propose(replace(MILK, objective=Objective.MARGIN))


def test_proposals_need_a_replacement_that_is_known(open_room) -> None:
    with pytest.raises(NoReplacementKnown):
        open_room(chain={("C1", "C0"): 0.4}, cluster={}).propose(MILK)
