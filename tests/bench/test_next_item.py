"""The next item of made-up sequences whose answers are known; what is learnt from ends where it is said to end."""

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bench import next_item
from bench.basket_floors import top_lists
from bench.baskets import baskets_of_lists
from bench.errors import DataDamaged, DataMissing
from bench.frame import BenchContext
from bench.next_item import item_scores
from bench.next_item_candidates import item_candidates
from bench.next_item_data import ATTRIBUTES, FOLDER, SEQUENCES, read_sequences
from bench.next_item_systems import SYSTEMS, Sequences, attribute_weights, followers
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake

ITEMS = 60


def written(folder: Path, users: int = 150) -> Path:
    """Who has bought item i buys i + 1 next, in a ring of 60; one step in eight leaps."""
    random = np.random.default_rng(2)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for user in range(users):
        items = [int(random.integers(ITEMS))]
        while len(items) < 5 + user % 6:
            following = (items[-1] + 1) % ITEMS if random.random() < 7 / 8 else int(random.integers(ITEMS))
            if following not in items:
                items.append(following)
        lines.append(" ".join(map(str, [user + 1, *(item + 1 for item in items)])))
    (folder / SEQUENCES).write_text("\n".join(lines) + "\n")
    (folder / ATTRIBUTES).write_text(json.dumps({str(item + 1): [item // 10 + 1, 100 + item % 3] for item in range(ITEMS)}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("public") / FOLDER.name)


def context_of(path: Path | None, home: Path) -> BenchContext:
    return BenchContext(
        DeltaLake(home), home, quick=True, progress=SilentProgress(), as_of=date(2017, 12, 30), data="beauty", path=path
    )


def test_sequences_keep_their_order_under_numbers_that_say_nothing(folder: Path) -> None:
    data = read_sequences(folder.parent)
    raw = [[int(word) for word in line.split()][1:] for line in (folder / SEQUENCES).read_text().splitlines()]
    assert [len(items) for items in data.sequences] == [len(items) for items in raw]
    renamed = {old: new for olds, news in zip(raw, data.sequences, strict=True) for old, new in zip(olds, news, strict=True)}
    assert sorted(renamed.values()) == list(range(len(renamed)))
    assert abs(np.corrcoef(list(renamed), list(renamed.values()))[0, 1]) < 0.5
    assert [[renamed[item] for item in items] for items in raw] == [list(items) for items in data.sequences]
    assert data.at(1).tolist() == [items[-1] for items in data.sequences]
    before = data.before(2)
    assert before.item[: before.user_start[1]].tolist() == list(data.sequences[0][:-2])
    assert (np.diff(before.item_start) == 1).all()
    both = data.attributes.toarray()
    assert both.shape == (ITEMS, 9)
    assert (both.sum(axis=1) == 2).all()


def test_scores_of_places_are_the_published_formula() -> None:
    scores = item_scores(np.array([0, 4, 5, 19, 20, np.iinfo(np.int64).max]))
    assert scores["hit_rate@5"].tolist() == [1, 1, 0, 0, 0, 0]
    assert scores["hit_rate@20"].tolist() == [1, 1, 1, 1, 0, 0]
    assert scores["ndcg@10"].tolist() == pytest.approx([1, 1 / math.log2(6), 1 / math.log2(7), 0, 0, 0])


def test_followers_count_pairs_by_distance_and_direction() -> None:
    learnt = baskets_of_lists([[[0], [1], [2]], [[1], [0]], [[3]]], 4)
    found = followers(learnt, reach=0.5, furthest=2, backwards=0.25).toarray()
    # 0 was in two sequences: 1 came after it once and before it once, 2 came two steps after
    assert found[0] * 7 == pytest.approx([0, 1 + 0.25, 0.5, 0])
    assert found[2] * 6 == pytest.approx([0.125, 0.25, 0, 0])
    assert not found[3].any()


def test_rare_attributes_weigh_more_and_items_without_any_are_like_nothing() -> None:
    weights = attribute_weights(sparse.csr_array(np.array([[1.0, 1, 0], [1, 0, 1], [1, 0, 1], [0, 0, 0]]))).toarray()
    likeness = weights @ weights.T
    assert likeness[1, 2] == pytest.approx(1.0)
    assert 0 < likeness[0, 1] < 0.2
    assert not weights[3].any()


def moment(folder: Path, learnt: int, asked: int) -> Sequences:
    data = read_sequences(folder)
    return Sequences(data.before(learnt), data.before(asked), data.attributes, 7, ITEMS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_read_the_profile_that_asks_and_learn_from_nothing_later(folder: Path, name: str) -> None:
    data, given = read_sequences(folder), moment(folder, 2, 1)
    users = np.arange(len(data.sequences))
    scores = SYSTEMS[name](given).scores(users)
    assert scores.shape == (len(users), ITEMS)
    # the test item of each user is another: nothing that is learnt or asked with is touched
    planted = replace(data, sequences=tuple((*items[:-1], (items[-1] + 7) % ITEMS) for items in data.sequences))
    other = Sequences(planted.before(2), planted.before(1), planted.attributes, 7, ITEMS)
    assert SYSTEMS[name](other).scores(users).tobytes() == scores.tobytes()
    # the validation item of one user changes his own scores alone
    mine = tuple((*items[:-2], *items[-2:][::-1]) if user == 3 else items for user, items in enumerate(data.sequences))
    swapped = replace(data, sequences=mine)
    moved = SYSTEMS[name](Sequences(swapped.before(2), swapped.before(1), swapped.attributes, 7, ITEMS)).scores(users)
    changed = np.flatnonzero((moved != scores).any(axis=1))
    assert changed.tolist() == [3]


def test_followers_find_the_next_of_the_ring(folder: Path) -> None:
    data, given = read_sequences(folder), moment(folder, 2, 2)
    lists = top_lists(SYSTEMS["next_only"](given), np.arange(len(data.sequences)), 3, given.asked.bought())
    assert (lists == data.at(2)[:, None]).any(axis=1).mean() > 0.6


def test_candidates_leave_out_what_was_bought_and_users_to_learn_nothing_from(folder: Path) -> None:
    given = moment(folder, 2, 2)
    systems = {"next_only": SYSTEMS["next_only"](given)}
    users = np.arange(given.asked.users)
    wanted = read_sequences(folder).at(2)
    found = item_candidates(given, systems, users, lambda: None)
    had = given.asked.bought().toarray() > 0
    assert not had[found.user, found.item].any()
    proposed = {user: set(found.item[found.user == user].tolist()) for user in users.tolist()}
    score = systems["next_only"].scores(users)
    for user in (0, 7, 140):
        assert proposed[user] == {item for item in range(ITEMS) if score[user, item] > 0 and not had[user, item]}
    taught = item_candidates(given, systems, users, lambda: None, wanted)
    assert set(taught.user.tolist()) == {user for user in users.tolist() if wanted[user] in proposed[user]}
    place = found.values[:, found.names.index("next_only_place")]
    first = (place == 0) & (found.user == 0)
    assert score[0, found.item[first]].tolist() == [max(score[0, item] for item in proposed[0])]


@pytest.mark.training
def test_a_run_finds_the_ring_and_says_which_popularity_leaks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_item, "QUICK", replace(next_item.QUICK, step=1))
    monkeypatch.setitem(next_item.PARAMETERS, "min_data_in_leaf", 10)
    rows, notes = next_item.run(context_of(folder, tmp_path))
    value = {(row.system, row.metric): row.value for row in rows}
    assert len(value) == len(rows)
    data = read_sequences(folder)
    honest = [item for items in data.sequences for item in items[:-2]]
    assert value["popularity", "hit_rate@10"] == pytest.approx(np.mean(popular_hits(data.sequences, honest)))
    everything = [item for items in data.sequences for item in items]
    assert value["popularity_of_all", "hit_rate@10"] == pytest.approx(np.mean(popular_hits(data.sequences, everything)))
    assert value["shelfgraph", "ndcg@10"] > 2 * value["popularity", "ndcg@10"]
    assert {"shelfgraph-refitted", "ease", "followers", "als"} <= {row.system for row in rows}
    assert any("leak" in note or "counts the test items" in note for note in notes)


def popular_hits(sequences: tuple[tuple[int, ...], ...], counted: list[int]) -> list[float]:
    ranked = sorted(range(ITEMS), key=lambda item: (-counted.count(item), item))
    return [float(items[-1] in [item for item in ranked if item not in items[:-1]][:10]) for items in sequences]


def test_what_is_missing_or_damaged_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="--path"):
        next_item.run(context_of(None, tmp_path))
    damages = {SEQUENCES: ("1 2 3 4\n", "1 2 3 4 x 6\n"), ATTRIBUTES: ("{", "[]", '{"1": 5}', '{"a": [1]}', '{"1": ["b"]}')}
    refused = 0
    for name, texts in damages.items():
        for text in texts:
            copy = written(tmp_path / f"damaged{refused}", 5)
            (copy / name).write_text(text)
            with pytest.raises(DataDamaged, match=name):
                read_sequences(copy)
            refused += 1
    assert refused == 7
