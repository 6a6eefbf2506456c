"""Floors whose settings are chosen: on an earlier moment alone, the better value, and only of products that some baskets held."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bench import tuned_floors
from bench.basket_floors import tifu_knn, top_lists
from bench.baskets import baskets_of_lists
from bench.list_scores import list_scores
from bench.tuned_floors import (
    FLOORS,
    LISTED,
    Question,
    chosen_settings,
    known_before,
    question_at,
    settings_text,
    tuned_scores,
    usual_settings,
)
from decisions.recommend.examples import origins_before
from features.repertoire import day_number, read_purchases
from tests.tiny_retailer import AS_OF, build_tiny_lake

USERS, ITEMS = 60, 40


def question(*, latest_again: bool) -> Question:
    """Users buy three items twice, then another, then three others; next come the latest, or the first again."""
    random = np.random.default_rng(3)
    histories, wanted = [], np.zeros((USERS, ITEMS))
    for user in range(USERS):
        old, new, other = np.split(random.permutation(ITEMS)[:7], [3, 6])
        histories.append([old.tolist(), old.tolist(), other.tolist(), new.tolist()])
        wanted[user, new if latest_again else old] = 1
    return Question(baskets_of_lists(histories, ITEMS), np.arange(USERS), sparse.csr_array(wanted))


def test_settings_follow_what_the_earlier_moment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_floors, "FLOORS", {name: FLOORS[name] for name in ("tifu_knn", "fastrp_knn")})
    usual = usual_settings()["tifu_knn"]
    habit, news = (chosen_settings(question(latest_again=again))["tifu_knn"] for again in (False, True))
    # .49 + .343 are less than one basket, .81 + .729 more
    assert habit["group_decay"] > usual["group_decay"]
    assert news["group_decay"] == usual["group_decay"]
    assert "group_decay 0.9" in next(settings_text({"tifu_knn": habit}))


def test_scores_are_those_of_the_floor_with_its_settings() -> None:
    asked = question(latest_again=False)
    usual = usual_settings()
    found = tuned_scores(asked, usual)
    assert found.keys() == FLOORS.keys()
    lists = top_lists(tifu_knn(asked.known, **usual["tifu_knn"]), asked.users, LISTED)
    for metric, values in list_scores(lists, asked.wanted).items():
        assert found["tifu_knn"][metric].tolist() == values.tolist()


def test_items_of_few_baskets_are_not_listed_and_still_wanted() -> None:
    histories = [[[0, 1], [0, 1], [0, 2]], [[0, 3], [1]]]
    wanted = sparse.csr_array(np.array([[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]))
    for least, recall in ((1, [1.0, 1.0]), (3, [0.0, 0.5])):
        asked = Question(baskets_of_lists(histories, 4), np.arange(2), wanted, least)
        assert tuned_scores(asked, usual_settings())["tifu_knn"]["recall@10"].tolist() == recall


def test_a_few_users_choose_for_all_of_them() -> None:
    asked = question(latest_again=True)
    some = asked.some(7)
    assert len(some.users) == some.wanted.shape[0] == 7
    assert (some.users[0], some.users[-1]) == (0, USERS - 1)
    assert some.wanted.toarray().tolist() == asked.wanted.toarray()[some.users].tolist()
    assert len(asked.some(1000).users) == USERS


def test_what_is_asked_of_a_lake_knows_nothing_of_the_day_and_later(tmp_path: Path) -> None:
    purchases = read_purchases(build_tiny_lake(tmp_path), AS_OF)
    day = day_number(AS_OF) - 20
    later = np.flatnonzero((purchases.basket_day >= day) & (purchases.basket_household % 2 == 0))
    baskets = later[np.diff(purchases.basket_household[later], prepend=-1) > 0]
    asked = question_at(purchases, origins_before(purchases, baskets), known_before(purchases, day))
    assert 0 < len(baskets) < len(purchases.household_ids)
    known = purchases.basket_day < day
    assert np.diff(asked.known.user_start).tolist() == [
        int((known & (purchases.basket_household == household)).sum()) for household in range(asked.known.users)
    ]
    start = purchases.products.start
    for row, basket in enumerate(baskets.tolist()):
        held = purchases.products.item[start[basket] : start[basket + 1]]
        assert np.flatnonzero(asked.wanted.toarray()[row]).tolist() == sorted(held.tolist())
