"""Delist what-ifs and assortment proposals over GraphQL: answers with their paths, typed refusals, and rights."""

import pytest

from api.replay import replay
from api.services import NoWhatIfs
from governance.policy import Principal, Role

DELIST = """query ($ids: [ID!]!, $stores: [ID!], $cluster: String, $weeks: Int = 4, $limit: Int = 20, $asOf: Date) {
  delistWhatIf(productIds: $ids, storeIds: $stores, clusterId: $cluster, horizonWeeks: $weeks, limit: $limit, asOf: $asOf) {
    __typename
    ... on Problem { message remedy }
    ... on InsufficientEvidence { decision { id kind } }
    ... on UnknownStoreCluster { clusters }
    ... on DelistWhatIf {
      storeIds clusterId horizonWeeks asOf firstWeek lastWeek simulated replacementsTotal
      lost { units low high } pickedUp { units } staysElsewhere { units } staysInCategory { units } leaves { units low high }
      delisted { productId displayName categoryId lost { units } stays leaves scope replacements }
      replacements { productId displayName units low high passedOnUnits diversionRatio scope grade }
      scopes { scope products lostUnits }
      events { eventId kind productId displayName categoryId day predicted realised low high simulated }
      eventsOfSameCategory eventsTotal eventsCovered
      assumptions { kind text identified value low high products }
      explanation { text paths { contribution hops { relation source { id } target { id } walkedBackwards } } }
      decision { id kind modelVersion }
    }
  }
}"""
PROPOSE = """query ($category: ID!, $count: Int!, $objective: AssortmentObjective = DEMAND, $stores: [ID!], $weeks: Int = 4) {
  assortmentProposal(categoryId: $category, count: $count, objective: $objective, storeIds: $stores, horizonWeeks: $weeks) {
    __typename
    ... on Problem { message remedy }
    ... on AssortmentProposal {
      categoryId objective considered optimal method leastPossible categoryTotal simulated
      dropped { productId displayName units cost marginPerUnit }
      loss { units low high }
      assumptions { kind products identified }
      explanation { text }
      decision { id kind }
    }
  }
}"""


def delist(shop, *ids, **more):
    return shop.ask(DELIST, ids=list(ids), **more)["data"]["delistWhatIf"]


def propose(shop, count=2, category="GROCERY > DAIRY", **more):
    return shop.ask(PROPOSE, category=category, count=count, **more)["data"]["assortmentProposal"]


def test_a_delisting_says_who_picks_up_and_what_leaves(shop):
    found = delist(shop, "P007", limit=100)
    # ratios 1, 1/2, … are more than all there is: they are taken in proportion, and next to nothing leaves
    assert [one["productId"] for one in found["replacements"]][:3] == ["P008", "P009", "P010"]
    assert found["lost"]["units"] == 40.0
    parts = [found[name]["units"] for name in ("pickedUp", "staysElsewhere", "leaves")]
    assert sum(parts) == pytest.approx(40.0)
    assert sum(one["contribution"] for one in found["explanation"]["paths"]) <= found["pickedUp"]["units"] + 1e-9
    assert len(found["explanation"]["paths"]) == 5
    assert found["explanation"]["paths"][0]["hops"] == [
        {"relation": "isSubstituteFor", "source": {"id": "P008"}, "target": {"id": "P007"}, "walkedBackwards": True}
    ]
    assert found["delisted"][0]["categoryId"] == "GROCERY > DAIRY"
    assert (found["firstWeek"], found["lastWeek"]) == ("2018-01-01", "2018-01-22")
    assert found["decision"]["kind"] == "delist_what_if"
    assert found["decision"]["modelVersion"] == "m-sub"
    assert {"recovery", "first_choices"} <= {one["kind"] for one in found["assumptions"]}
    assert next(one for one in found["assumptions"] if one["kind"] == "recovery")["identified"] is False


def test_stores_and_clusters_take_a_part(shop):
    of_store, of_cluster = delist(shop, "P007", stores=["st1"]), delist(shop, "P007", cluster="cluster-1")
    assert of_store["storeIds"] == ["st1"]
    assert of_cluster["clusterId"] == "cluster-1"
    assert of_store["replacements"] == of_cluster["replacements"]
    assert {one["kind"] for one in of_store["assumptions"]} >= {"store_share", "chain_for_cluster"}


@pytest.mark.parametrize(
    ("ids", "more", "kind"),
    [
        (["nothing"], {}, "UnknownProduct"),
        (["P007"], {"stores": ["nowhere"]}, "UnknownStore"),
        (["P007"], {"stores": []}, "InvalidRequest"),
        (["P007"], {"stores": ["st1"], "cluster": "cluster-1"}, "InvalidRequest"),
        (["P007"], {"cluster": "cluster-7"}, "UnknownStoreCluster"),
        (["P007"], {"weeks": 9}, "InvalidRequest"),
        (["P007"], {"limit": 0}, "InvalidRequest"),
        (["P007"], {"asOf": "2017-01-01"}, "InvalidRequest"),
        ([], {}, "InvalidRequest"),
        ([f"P{one:04d}" for one in range(601)], {}, "InvalidRequest"),
        (["P059"], {}, "InsufficientEvidence"),
        ([f"P{one:03d}" for one in range(60)], {}, "InsufficientEvidence"),
    ],
)
def test_what_cannot_be_answered_has_a_type(shop, ids, more, kind):
    found = delist(shop, *ids, **more)
    assert found["__typename"] == kind
    assert found["message"]
    assert found["remedy"]
    logged = list(shop.log.entries())
    assert [entry.kind for entry in logged] == (["delist_what_if"] if kind == "InsufficientEvidence" else [])


def test_a_proposal_says_what_to_drop_and_what_is_simulated(shop):
    found = propose(shop, objective="MARGIN", weeks=1)
    assert (found["considered"], found["objective"], found["simulated"]) == (59, "MARGIN", True)
    assert len(found["dropped"]) == 2
    assert {one["marginPerUnit"] for one in found["dropped"]} == {1.0}
    assert found["leastPossible"] <= found["loss"]["units"]
    assert found["loss"]["units"] == pytest.approx(sum(one["cost"] for one in found["dropped"]))
    told = {one["kind"]: one["products"] for one in found["assumptions"]}
    assert told["simulated_cost"] == 59


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"category": "NOTHING"}, "UnknownCategory"),
        ({"count": 60}, "InvalidRequest"),
        ({"count": 0}, "InvalidRequest"),
        ({"stores": ["nowhere"]}, "UnknownStore"),
        ({"weeks": 0}, "InvalidRequest"),
    ],
)
def test_proposals_that_cannot_be_made_have_a_type(shop, more, kind):
    assert propose(shop, **more)["__typename"] == kind


def test_both_are_replayed_to_the_same_bytes(shop):
    ids = [delist(shop, "P008", "P007", stores=["st1"])["decision"]["id"], propose(shop)["decision"]["id"]]
    ids.append(delist(shop, "P059")["decision"]["id"])
    for decision_id in ids:
        assert replay(decision_id, shop.log, lambda _: shop.services).identical


def test_the_order_of_ids_is_no_other_question(shop):
    twice = shop.ask("""{ a: delistWhatIf(productIds: ["P007", "P008"]) { ... on DelistWhatIf { decision { id } } }
                          b: delistWhatIf(productIds: ["P008", "P007"]) { ... on DelistWhatIf { decision { id } } } }""")["data"]
    assert twice["a"] == twice["b"]


def test_who_may_not_plan_is_told_so(open_shop):
    shop = open_shop(principal_of=lambda _: Principal("till", frozenset({Role.RECOMMENDATION_CLIENT})))
    assert delist(shop, "P007")["__typename"] == "NotAuthorised"
    assert propose(shop)["__typename"] == "NotAuthorised"
    assert list(shop.log.entries()) == []


def test_a_release_without_what_ifs_says_so(open_shop):
    shop = open_shop(replaced={"what_ifs": NoWhatIfs()})
    for found in (delist(shop, "P007"), propose(shop)):
        assert found["__typename"] == "NotServed"
        assert "shelfgraph train" in found["remedy"]
