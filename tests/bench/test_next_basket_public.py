"""Ta-Feng's protocol on a small made-up shop: splits, the published floor, what is refused, and a future that changes nothing."""

import json
import math
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bench import next_basket, next_basket_tafeng
from bench.basket_candidates import FIGURES, candidate_figures, proposers, transitions
from bench.basket_ranker import PARAMETERS, fit_basket_ranker, ranked_lists
from bench.baskets import baskets_of_lists
from bench.errors import DataDamaged, DataMissing, DayFixed
from bench.frame import BenchContext
from bench.list_scores import list_scores
from bench.next_basket_tafeng import FOLDER, HISTORY, KEYSETS, read_tafeng
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake

USERS, ITEMS = 120, 60


def written(folder: Path) -> Path:
    """Users of three tastes buy five of their items at a time, and most of them again."""
    random = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    history, future = {}, {}
    for user in range(1, USERS + 1):
        likes = random.permutation(np.arange(20) + 20 * (user % 3))[:9]
        baskets = [random.permutation(likes)[:5].tolist() for _ in range(3 + user % 9)]
        history[str(user)] = [[-1], *baskets[:-1], [-1]]
        future[str(user)] = [[-1], baskets[-1], [-1]]
    (folder / HISTORY).write_text(json.dumps(history))
    (folder / next_basket_tafeng.FUTURE).write_text(json.dumps(future))
    for seed, name in enumerate(KEYSETS.values()):
        # as published: a split comes again under another number
        mixed = np.random.default_rng(seed % 3).permutation(np.arange(1, USERS + 1)).tolist()
        split = {"item_num": ITEMS, "train": mixed[:80], "val": mixed[80:90], "test": [str(user) for user in mixed[90:]]}
        (folder / name).write_text(json.dumps(split))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("public") / FOLDER.name)


def context_of(path: Path | None, home: Path, data: str = "tafeng") -> BenchContext:
    return BenchContext(
        DeltaLake(home), home, quick=True, progress=SilentProgress(), as_of=date(2017, 12, 30), data=data, path=path
    )


def test_the_data_are_found_in_the_folder_or_below_it_and_split_as_published(folder: Path) -> None:
    data, below = read_tafeng(folder), read_tafeng(folder.parent)
    assert below.known.item.tolist() == data.known.item.tolist()
    assert (data.known.users, data.known.items) == (USERS, ITEMS)
    raw = json.loads((folder / HISTORY).read_text())
    assert data.known.item[:10].tolist() == [item for basket in raw["1"][1:3] for item in basket]
    assert sorted(data.folds) == ["0", "1", "2", "3", "4", "published"]
    split = json.loads((folder / KEYSETS["0"]).read_text())
    assert data.folds["0"].test.tolist() == sorted(int(user) - 1 for user in split["test"])
    assert [len(part) for part in (data.folds["0"].train, data.folds["0"].valid)] == [80, 10]
    assert (np.diff(data.wanted.indptr) == 5).all()


@pytest.mark.training
def test_a_run_gives_the_published_floor_and_both_stages(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_basket_tafeng, "QUICK_STEP", 1)
    monkeypatch.setitem(PARAMETERS, "min_data_in_leaf", 10)
    rows, notes = next_basket.run(context_of(folder, tmp_path))
    value = {(row.system, row.metric, row.slice): row.value for row in rows}
    assert len(value) == len(rows)
    data = json.loads((folder / HISTORY).read_text()), json.loads((folder / next_basket_tafeng.FUTURE).read_text())
    test = json.loads((folder / KEYSETS["published"]).read_text())["test"]
    recall, untruncated = zip(*(by_hand(data[0][user], data[1][user], data[0]) for user in test), strict=True)
    assert value["gp_topfreq", "recall@10", "published_fold"] == pytest.approx(np.mean(recall))
    assert value["gp_topfreq", "ndcg@10_untruncated", "published_fold"] == pytest.approx(np.mean(untruncated))
    # habit is all there is to find: five of nine items, each as likely
    assert value["shelfgraph", "ndcg@10", "folds"] > 3 * value["popularity", "ndcg@10", "folds"]
    assert any("sample" in note for note in notes)
    assert any("hold 3 different sets" in note for note in notes)
    systems = {row.system for row in rows}
    floors = {"popularity", "gp_topfreq", "personal_frequency", "decayed_frequency", "tifu_knn", "up_cf", "item_knn", "ease"}
    assert systems == floors | {
        "als", "bpr", "fastrp_knn", "frequency_and_last_baskets", "shelfgraph", "shelfgraph-without-items"
    }  # fmt: skip
    assert value["frequency_and_last_baskets", "ndcg@10", "folds"] > value["popularity", "ndcg@10", "folds"]


def by_hand(history: list[list[int]], future: list[list[int]], everybody: dict[str, list[list[int]]]) -> tuple[float, float]:
    """GP-TopFreq as published: a stable sort of counts in the order of purchase, then what sells."""
    counted = Counter(item for basket in history[1:-1] for item in basket)
    sold = Counter(item for baskets in everybody.values() for basket in baskets[1:-1] for item in basket)
    ranked = [item for item, _ in sorted(counted.items(), key=lambda pair: pair[1], reverse=True)]
    ranked += [item for item in sorted(sold, key=lambda item: (-sold[item], item)) if item not in counted]
    places = [place for place, item in enumerate(ranked[:10]) if item in future[1]]
    gain = sum(1 / math.log2(place + 2) for place in places)
    return len(places) / len(future[1]), gain / sum(1 / math.log2(place + 2) for place in range(len(future[1])))


@pytest.mark.training
def test_what_test_users_buy_later_changes_neither_figures_nor_the_ranker(folder: Path) -> None:
    data = read_tafeng(folder)
    fold = data.folds["0"]
    planted = data.wanted.toarray()
    planted[fold.test] = np.roll(planted[fold.test], 7, axis=1)
    other = replace(data, wanted=sparse.csr_array(planted))
    texts, tables = [], []
    for some in (data, other):
        figures = candidate_figures(some.known, proposers(some.known, 7), np.arange(some.known.users))
        tables.append(figures.values.tobytes())
        train, valid = figures.of_users(fold.train), figures.of_users(fold.valid)
        texts.append(fit_basket_ranker(train, valid, some.wanted, 7, (5,)).booster.model_to_string())
    assert tables[0] == tables[1]
    assert texts[0] == texts[1]
    # and what train users buy does teach
    planted = np.roll(data.wanted.toarray(), 7, axis=1)
    assert fit_basket_ranker(train, valid, sparse.csr_array(planted), 7, (5,)).booster.model_to_string() != texts[0]


def test_figures_of_a_candidate_are_those_counted_by_hand() -> None:
    histories = [[[1, 2], [1], [3]], [[1], [1, 3]], [[4, 2]]]
    baskets = baskets_of_lists(histories, 50)
    figures = candidate_figures(baskets, {"transitions": transitions(baskets)}, np.arange(3))
    assert figures.names == (*FIGURES, "transitions_score", "transitions_place")
    own = {name: figures.values[:, place] for place, name in enumerate(figures.names)}
    row = int(np.flatnonzero((figures.user == 0) & (figures.item == 1))[0])
    # in two of three baskets, last one basket ago, first three ago; a basket counts .6 of the next
    expected = {"own_baskets": 2, "own_share": 2 / 3, "baskets_since": 2, "baskets_known": 3, "decay_60": 0.6 + 0.36}
    assert {name: own[name][row] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert [own[name][row] for name in ("baskets", "mean_basket_size", "distinct_items")] == pytest.approx([3, 4 / 3, 3])
    # users 0 and 1 bought it, four baskets of all had it, one of these was a latest; it came again twice of three times
    shares = [own[name][row] for name in ("buyers", "baskets_sold", "latest_share")]
    assert shares == pytest.approx([2, 4, 2 / 9])
    again, chances = 2, 3
    mean = again / 4
    assert own["next_basket_share"][row] == pytest.approx((again + 10 * mean) / (chances + 10))
    never = int(np.flatnonzero((figures.user == 2) & (figures.item == 4))[0])
    assert own["own_baskets"][never] == 1


def test_transitions_count_what_was_in_the_next_basket() -> None:
    baskets = baskets_of_lists([[[0, 1], [2]], [[0], [2, 3]], [[0]]], 5)
    scores = transitions(baskets, reach=0.5, popularity_power=0.0).scores(np.array([2]))[0]
    # 0 was sold three times, then 2 came twice and 3 once
    assert scores == pytest.approx([0, 0, 2 / 8, 1 / 8, 0])


def test_lists_shorter_than_asked_end_in_nothing() -> None:
    baskets = baskets_of_lists([[[1], [1]], [[2]]], 3)
    figures = candidate_figures(baskets, {}, np.arange(2))
    users, lists = ranked_lists(figures, figures.values[:, 0].astype(float), 3)
    assert (users.tolist(), lists.tolist()) == ([0, 1], [[1, -1, -1], [2, -1, -1]])
    wanted = baskets_of_lists([[[2]], [[2]]], 3).bought()
    assert list_scores(lists, wanted, (3,))["recall@3"].tolist() == [0.0, 1.0]


def test_what_is_missing_or_damaged_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="--path"):
        next_basket.run(context_of(None, tmp_path))
    with pytest.raises(DataMissing, match=HISTORY):
        read_tafeng(tmp_path)
    with pytest.raises(DayFixed):
        next_basket.BENCH.check(data="tafeng", path=folder, as_of=date(2017, 10, 1))
    damages = {
        HISTORY: ("{", "[]", '{"1": 5}', '{"1": [[-1], [-1]]}', '{"1": [[-1], [99], [-1]]}', '{"1": [[-1], ["a"], [-1]]}'),
        next_basket_tafeng.FUTURE: ("", "{}", '{"1": null}'),
        KEYSETS["published"]: ("{}", '{"item_num": "many", "train": [], "val": [], "test": []}'),
        KEYSETS["2"]: ('{"item_num": 60, "train": 5, "val": [], "test": []}',),
    }
    refused = 0
    for name, texts in damages.items():
        for text in texts:
            copy = written(tmp_path / f"damaged{refused}")
            (copy / name).write_text(text)
            with pytest.raises(DataDamaged, match=name):
                read_tafeng(copy)
            refused += 1
    assert refused == 12
