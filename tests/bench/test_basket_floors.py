"""Floors of the next basket on tiny worlds: every score once more with dictionaries and loops, and a planted future."""

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from scipy import sparse

from bench import basket_floors_shared
from bench.basket_floors import (
    CHUNK_USERS,
    Floor,
    decayed_frequency,
    personal_frequency,
    popularity,
    published_frequency,
    tifu_knn,
    top_lists,
    up_cf,
)
from bench.basket_floors_shared import als, bpr, ease, ease_weights, fastrp_knn, item_knn
from bench.baskets import Baskets, baskets_of_lists, baskets_until
from bench.list_scores import list_scores, paired_interval, rows_of_lists
from features.repertoire import read_purchases
from tests.tiny_retailer import AS_OF, build_tiny_lake

ITEMS = 30
Histories = list[list[list[int]]]


def histories(users: int = 40, seed: int = 1) -> Histories:
    """Two tastes, items 0 to 14 and 15 to 29; some users have bought once, one never."""
    random = np.random.default_rng(seed)
    found: Histories = [[]]
    for user in range(users - 1):
        likes = np.arange(15) + 15 * (user % 2)
        weight = 1.0 / (1 + np.arange(15))
        baskets = [random.choice(likes, 4, replace=False, p=weight / weight.sum()).tolist() for _ in range(1 + user % 12)]
        found.append(baskets)
    return found


def world() -> tuple[Histories, Baskets]:
    lists = histories()
    return lists, baskets_of_lists(lists, ITEMS)


def everybody(baskets: Baskets) -> np.ndarray:
    return np.arange(baskets.users)


def test_baskets_are_kept_in_order_and_items_once() -> None:
    baskets = baskets_of_lists([[[3, 1, 3], [2]], [], [[0]]], 4)
    assert baskets.user_start.tolist() == [0, 2, 2, 3]
    assert baskets.item.tolist() == [3, 1, 2, 0]
    assert baskets.item_start.tolist() == [0, 2, 3, 4]
    assert baskets.age_of_basket.tolist() == [1, 0, 0]
    assert baskets.counts().toarray().tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_baskets_of_some_items_keep_their_order_and_may_be_empty() -> None:
    some = baskets_of_lists([[[3, 1], [2]], [], [[0, 3]]], 4).of_items(np.array([0, 3]))
    assert (some.items, some.users) == (2, 3)
    assert some.item.tolist() == [1, 0, 1]
    assert some.item_start.tolist() == [0, 1, 1, 3]
    assert some.counts().toarray().tolist() == [[0, 1], [0, 0], [1, 1]]


def test_own_frequencies_are_those_counted_by_hand() -> None:
    lists, baskets = world()
    sold = Counter(item for history in lists for basket in history for item in basket)
    users = everybody(baskets)
    own, faded = personal_frequency(baskets).scores(users), decayed_frequency(baskets, 0.8).scores(users)
    for user, history in enumerate(lists):
        counted = Counter(item for basket in history for item in basket)
        for item in range(ITEMS):
            fill = 1e-6 * sold[item] / max(sold.values())
            decayed = sum(0.8 ** (len(history) - 1 - place) for place, basket in enumerate(history) if item in basket)
            assert own[user, item] == pytest.approx(counted[item] + fill)
            assert faded[user, item] == pytest.approx(decayed + fill)
    assert popularity(baskets).scores(users[:1])[0].tolist() == [sold[item] for item in range(ITEMS)]


def test_published_ties_are_in_the_order_of_first_purchases() -> None:
    baskets = baskets_of_lists([[[7, 3], [5, 3]], [[9], [9], [9]], [[1, 9]]], 10)
    # item 9 sells best, then 3: the rest of the published list is by popularity
    assert top_lists(published_frequency(baskets), np.array([0]), 5).tolist() == [[3, 7, 5, 9, 1]]
    assert top_lists(personal_frequency(baskets), np.array([0]), 5).tolist() == [[3, 5, 7, 9, 1]]


def by_hand_temporal(history: list[list[int]], groups: int, within: float, between: float) -> np.ndarray:
    """Cut into groups, the last ones larger, average each, then all; decays count from the latest."""
    vector = np.zeros(ITEMS)
    cut = min(groups, len(history))
    sizes = [len(history) // cut + (place >= cut - len(history) % cut) for place in range(cut)] if history else []
    first = 0
    for place, size in enumerate(sizes):
        for within_place, basket in enumerate(history[first : first + size]):
            vector[basket] += between ** (cut - 1 - place) * within ** (size - 1 - within_place) / size / cut
        first += size
    return vector


def test_tifu_knn_is_the_published_formula() -> None:
    lists, baskets = world()
    floor = tifu_knn(baskets, neighbours=5, within_decay=0.9, group_decay=0.7, groups=3, own_share=0.6)
    vectors = np.array([by_hand_temporal(history, 3, 0.9, 0.7) for history in lists])
    scores = floor.scores(everybody(baskets))
    for user in range(len(lists)):
        distance = [(math.dist(vectors[user], vectors[other]), other) for other in range(len(lists)) if other != user]
        nearest = [other for _, other in sorted(distance)[:5]]
        expected = 0.6 * vectors[user] + 0.4 * vectors[nearest].mean(axis=0)
        assert scores[user] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("neighbours", [None, 4])
def test_up_cf_is_the_published_formula(neighbours: int | None) -> None:
    lists, baskets = world()
    floor = up_cf(baskets, recency=3, locality=2, asymmetry=0.25, neighbours=neighbours)
    latest = [history[-3:] for history in lists]
    favoured = [{item: sum(item in b for b in some) / len(some) for b in some for item in b} for some in latest]
    scores = floor.scores(everybody(baskets))
    for user, own in enumerate(favoured):
        alike = [len(own.keys() & other.keys()) / (max(len(own), 1) ** 0.25 * max(len(other), 1) ** 0.75) for other in favoured]
        least = sorted(alike, reverse=True)[neighbours - 1] if neighbours else 0.0
        expected = np.zeros(ITEMS)
        for likeness, other in zip(alike, favoured, strict=True):
            for item, share in other.items():
                expected[item] += (likeness >= least) * likeness**2 * share
        assert scores[user] == pytest.approx(expected, abs=2e-6)


def test_item_knn_keeps_the_nearest_and_never_the_item_itself() -> None:
    _, baskets = world()
    bought = baskets.bought()
    dense = bought.toarray()
    lengths = np.linalg.norm(dense, axis=0)
    cosine = dense.T @ dense / np.maximum(np.outer(lengths, lengths) + 3.0, 1e-12)
    np.fill_diagonal(cosine, 0.0)
    kept = np.array([[value >= sorted(row)[-4] for value in row] for row in cosine]) * cosine
    assert item_knn(bought, neighbours=4, shrinkage=3.0).scores(everybody(baskets)) == pytest.approx(dense @ kept)


@pytest.mark.parametrize("chunk", [7, 30, 1000])
def test_ease_is_the_ridge_regression_of_each_item_on_the_others(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_floors_shared, "CHUNK_ITEMS", chunk)
    _, baskets = world()
    dense = baskets.bought().toarray()
    scores = ease(baskets.bought(), regularization=5.0).scores(everybody(baskets))
    for item in (0, 3, 17):
        others = np.delete(dense, item, axis=1)
        weights = np.linalg.solve(others.T @ others + 5.0 * np.eye(ITEMS - 1), others.T @ dense[:, item])
        assert scores[:, item] == pytest.approx(others @ weights, abs=1e-4)
    few = ease(baskets.bought(), regularization=5.0, most_items=6).scores(everybody(baskets))
    best = np.argsort(-dense.sum(axis=0), kind="stable")[:6]
    assert set(np.flatnonzero(few.any(axis=0)).tolist()) <= set(best.tolist())


@pytest.mark.parametrize("weights", ["bought", "counts"])
def test_ease_between_few_users_is_the_same_regression(weights: str) -> None:
    baskets = baskets_of_lists(histories(20), ITEMS)
    matrix = getattr(baskets, weights)()
    assert matrix.shape[0] < matrix.shape[1]
    pairs, kept = ease_weights(matrix, regularization=5.0, most_items=ITEMS)
    assert kept.tolist() == list(range(ITEMS))
    expected = matrix.toarray() @ pairs
    assert ease(matrix, regularization=5.0).scores(everybody(baskets)) == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="regularization"):
        ease(matrix, regularization=0.0)


def test_likeness_of_the_best_sold_knows_no_other() -> None:
    _, baskets = world()
    bought = baskets.bought()
    scores = item_knn(bought, most_items=6).scores(everybody(baskets))
    best = np.argsort(-np.asarray(bought.sum(axis=0)), kind="stable")[:6]
    assert set(np.flatnonzero(scores.any(axis=0)).tolist()) == set(best.tolist())


FITS: dict[str, Callable[[sparse.csr_array], Floor]] = {
    "item_knn": item_knn,
    "ease": partial(ease, regularization=5.0),
    "als": partial(als, factors=4),
    "bpr": partial(bpr, factors=4),
    "fastrp_knn": partial(fastrp_knn, dimensions=16, neighbours=5),
}


@pytest.mark.parametrize("name", FITS)
def test_shared_tastes_find_the_side_of_the_shop_and_repeat_to_the_last_bit(name: str) -> None:
    _, baskets = world()
    users = np.flatnonzero(np.diff(baskets.user_start) >= 5)
    first, second = (FITS[name](baskets.bought()).scores(users) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    own_side = np.where((users - 1) % 2 == 0, first[:, :15].mean(axis=1), first[:, 15:].mean(axis=1))
    other_side = np.where((users - 1) % 2 == 0, first[:, 15:].mean(axis=1), first[:, :15].mean(axis=1))
    assert (own_side > other_side).mean() > 0.9


def test_als_is_the_librarys() -> None:
    _, baskets = world()
    model = AlternatingLeastSquares(factors=4, regularization=0.05, alpha=10.0, iterations=15, random_state=3, num_threads=1)
    model.fit(sparse.csr_matrix(baskets.bought(), dtype=np.float32), show_progress=False)
    expected, _ = model.recommend(5, sparse.csr_matrix(baskets.bought())[5], N=6, filter_already_liked_items=False)
    assert top_lists(als(baskets.bought(), factors=4, seed=3), np.array([5]), 6)[0].tolist() == expected.tolist()


def test_lists_break_ties_by_position_and_hide_what_is_not_asked_for() -> None:
    baskets = baskets_of_lists([[[4]], [[2]]] * (CHUNK_USERS + 3), 6)
    users = everybody(baskets)
    lists = top_lists(personal_frequency(baskets), users, 6)
    assert lists[0].tolist() == [4, 2, 0, 1, 3, 5]
    assert lists[-1].tolist() == [2, 4, 0, 1, 3, 5]
    fresh = top_lists(personal_frequency(baskets), users, 2, baskets.bought())
    assert fresh[0].tolist() == [2, 0]
    assert top_lists(personal_frequency(baskets), users[:0], 3).shape == (0, 3)


def test_what_a_lake_knew_before_a_moment_is_what_a_loop_finds(tmp_path: Path) -> None:
    purchases = read_purchases(build_tiny_lake(tmp_path), AS_OF)
    until = purchases.household_start[:-1] + np.diff(purchases.household_start) // 2
    known = baskets_until(purchases, until)
    position = np.arange(len(purchases.basket_household))
    by_hand = [
        [
            purchases.products.item[purchases.products.start[b] : purchases.products.start[b + 1]].tolist()
            for b in np.flatnonzero((purchases.basket_household == household) & (position < until[household]))
        ]
        for household in range(len(until))
    ]
    expected = baskets_of_lists(by_hand, purchases.products.items)
    for name in ("user_start", "item_start", "item"):
        assert getattr(known, name).tolist() == getattr(expected, name).tolist()
    assert 0 < len(known.item) < len(purchases.products.item)


def test_scores_of_lists_against_a_search_through_them() -> None:
    random = np.random.default_rng(0)
    lists = np.array([random.permutation(50)[:20] for _ in range(60)])
    bought = [set(random.choice(50, size, replace=False).tolist()) for size in random.integers(1, 25, 60)]
    wanted = sparse.csr_array(np.array([[float(item in some) for item in range(50)] for some in bought]))
    scores = list_scores(lists, wanted)
    for row, (shown, some) in enumerate(zip(lists.tolist(), bought, strict=True)):
        for k in (10, 20):
            places = [place for place, item in enumerate(shown[:k]) if item in some]
            gain = sum(1 / math.log2(place + 2) for place in places)
            best = [sum(1 / math.log2(place + 2) for place in range(many)) for many in (min(k, len(some)), len(some))]
            found = [scores[f"{name}@{k}"][row] for name in ("recall", "hit_rate", "ndcg")]
            assert found == pytest.approx([len(places) / len(some), float(bool(places)), gain / best[0]])
            assert scores[f"ndcg@{k}_untruncated"][row] == pytest.approx(gain / best[1])


def test_intervals_hold_the_mean_and_pairs_take_out_what_is_shared() -> None:
    random = np.random.default_rng(0)
    theirs = random.gamma(1.0, 1.0, 400)
    row = next(iter(rows_of_lists("floor", "here", {"recall@10": theirs})))
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high
    value, low, high = paired_interval(theirs * 1.1, theirs)
    assert (value, low, high) == pytest.approx((1.1, 1.1, 1.1))
