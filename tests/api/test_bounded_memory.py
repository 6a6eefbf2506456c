"""A memory that is bounded by weight: who goes first, what counts, and that the bound holds whatever happens."""

import random
import threading

from decisions.relations import RelatedRequest, RelationService
from kit.bounded import BoundedMemory
from tests.api import small_shop


def test_what_nobody_wanted_for_longest_goes_first():
    memory = BoundedMemory(10)
    for name in "abc":
        memory.put(name, name.upper(), 3)
    assert memory.get("a") == "A"
    memory.put("d", "D", 3)
    assert [memory.get(name) for name in "abcd"] == ["A", None, "C", "D"]
    assert (memory.weight, len(memory)) == (9, 3)


def test_a_value_in_place_of_another_takes_its_weight_with_it():
    memory = BoundedMemory(10)
    memory.put("a", 1, 9)
    memory.put("a", 2, 4)
    assert (memory.get("a"), memory.weight) == (2, 4)


def test_what_is_heavier_than_the_bound_is_not_kept_and_drives_nobody_out():
    memory = BoundedMemory(10)
    memory.put("a", 1, 4)
    memory.put("b", 2, 4)
    memory.put("b", 3, 11)
    assert (memory.get("a"), memory.get("b"), memory.weight) == (1, None, 4)


def test_a_value_that_grows_counts_only_while_it_is_the_one_kept():
    memory = BoundedMemory(10)
    first, second = object(), object()
    memory.put("a", first, 4)
    memory.grew("a", first, 3)
    memory.put("b", second, 1)
    assert memory.weight == 8
    memory.put("a", second, 4)
    memory.grew("a", first, 100)
    memory.grew("nobody", first, 100)
    assert memory.weight == 5
    memory.grew("a", second, 2)
    assert memory.weight == 7
    memory.grew("a", second, 4)  # the other one goes first
    assert (memory.get("a"), memory.get("b"), memory.weight) == (second, None, 10)


def test_the_bound_holds_under_threads_and_weights_add_up():
    memory = BoundedMemory(500)

    def work(seed):
        rng = random.Random(seed)
        for _ in range(3000):
            key = rng.randrange(60)
            value = memory.get(key)
            if value is None or rng.random() < 0.3:
                memory.put(key, object(), rng.randrange(1, 40))
            else:
                memory.grew(key, value, rng.randrange(5))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.weight == sum(weight for _, weight in memory._entries.values()) <= 500
    assert len(memory) > 5


def test_related_products_are_kept_within_their_bound_and_are_the_same_object_while_they_are(shop_graph, monkeypatch):
    monkeypatch.setattr("decisions.relations.service.KEPT_ITEMS", 40)
    service = RelationService(shop_graph)
    asked = [RelatedRequest(small_shop.name(n), "isSubstituteFor", 10) for n in range(8)]
    first = service.related(asked[0])
    assert service.related_many([asked[0], asked[1], asked[0]])[0] is first
    told = service.related_many(asked)
    assert service._kept.weight <= 40
    assert [answer.product_id for answer in told] == [request.product_id for request in asked]
    again = service.related(asked[0])
    assert again is not first
    assert again == first
