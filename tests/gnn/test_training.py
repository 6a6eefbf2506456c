"""Training is repeatable, resumable and equal in every replica; what it leaves can be read without torch."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from gnn import CheckpointForeign, NothingToLearn, ProductUnplaced, RelationUnlearned, VectorsDamaged, evaluate, load_vectors
from gnn.errors import GnnError
from gnn.export import save_vectors
from gnn.material import read_material
from gnn.supervision import DECODED
from gnn.train import fit, train
from kit.progress import SilentProgress
from tests.gnn.conftest import SHORT
from tests.tiny_retailer import AS_OF, CATALOGUE, FIRST_MONDAY, append_lines, build_tiny_lake, future_lines

pytestmark = pytest.mark.training


def again(material, folder, *, seed=3, progress=None, **changes):
    return fit(material, seed=seed, progress=progress or SilentProgress(), folder=folder, config=replace(SHORT, **changes))[0]


def read(lake, as_of=AS_OF):
    return read_material(lake, as_of=as_of, seed=3, config=SHORT, progress=SilentProgress())


class Interrupting:
    """Ends the training as a kill would, after so many epochs."""

    def __init__(self, epochs: int) -> None:
        self._left = epochs + 1

    def stage(self, title, total=None):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        return

    def advance(self, amount=1.0) -> None:
        return

    def note(self, text) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_the_same_seed_gives_the_same_digest_three_times(material, vectors, tmp_path) -> None:
    assert {again(material, tmp_path / str(run)).digest for run in range(2)} == {vectors.digest}
    assert again(material, tmp_path / "other", seed=4).digest != vectors.digest


def test_what_was_interrupted_ends_as_if_it_had_not_been(material, vectors, tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        again(material, tmp_path, progress=Interrupting(1))
    assert again(material, tmp_path).digest == vectors.digest
    assert again(material, tmp_path).digest == vectors.digest


def test_sampled_training_is_repeatable_and_resumable_too(material, tmp_path) -> None:
    sampled = {"whole_edges": 0, "fanout": (4, 3), "history": 5}
    whole = again(material, tmp_path / "whole", **sampled).digest
    with pytest.raises(KeyboardInterrupt):
        again(material, tmp_path / "parts", progress=Interrupting(1), **sampled)
    assert again(material, tmp_path / "parts", **sampled).digest == whole


def test_a_checkpoint_of_another_training_is_refused(material, vectors, trained_folder) -> None:
    before = (trained_folder / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointForeign, match="other settings"):
        again(material, trained_folder, dims=16)
    assert (trained_folder / "checkpoint.safetensors").read_bytes() == before


def test_facts_after_the_day_change_nothing_that_is_read(material, tmp_path) -> None:
    lake = build_tiny_lake(tmp_path / "lake")
    append_lines(lake, future_lines())
    assert read(lake).digest == material.digest
    assert read(lake, AS_OF + timedelta(days=1)).digest != material.digest


@pytest.mark.command_line
def test_two_processes_train_equal_replicas(shop, project_root, tmp_path) -> None:
    lake = build_tiny_lake(tmp_path / "lake")
    assert lake.version("sales_lines").rows == shop.version("sales_lines").rows
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(project_root / "tests" / "gnn" / "replica_worker.py"), str(tmp_path / "lake"), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(project_root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command + script, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    digests = {(tmp_path / "out" / f"digest.{rank}").read_text() for rank in range(2)}
    assert len(digests) == 1
    assert load_vectors(tmp_path / "out" / "vectors.safetensors").digest == digests.pop()


def test_learning_lowers_the_loss_and_its_curves_are_kept(vectors, trained_folder) -> None:
    curves = json.loads((trained_folder / "curves.json").read_text())
    assert len(curves["training"]) == len(curves["held_out"]) == 3
    assert set(curves["held_out"][0]) == set(DECODED)
    first, last = (sum(curves["training"][epoch].values()) for epoch in (0, -1))
    assert last < first
    assert (trained_folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_too_few_weeks_are_said_to_be_too_few(shop, tmp_path) -> None:
    with pytest.raises(NothingToLearn, match="where the first window begins"):
        train(shop, as_of=FIRST_MONDAY + timedelta(days=40), seed=1, progress=SilentProgress(), folder=tmp_path, config=SHORT)
    assert list(tmp_path.iterdir()) == []


def test_a_score_is_a_product_of_two_rows_and_has_a_direction(vectors) -> None:
    every = np.arange(len(vectors.product_ids))
    for relation in DECODED:
        target = vectors.position("pasta")
        column = vectors.scores_of_target(relation, target)
        assert np.allclose(column, vectors.score(relation, every, np.full(len(every), target)), atol=1e-6)
        assert vectors.sources[relation].dtype == vectors.targets[relation].dtype == np.float32
    one, other = vectors.position("cola_a"), vectors.position("cola_b")
    there, back = vectors.score("substitute", np.array([one, other]), np.array([other, one]))
    assert there != back
    with pytest.raises(RelationUnlearned):
        vectors.score("similar", every, every)
    with pytest.raises(ProductUnplaced):
        vectors.position("fuel")


def test_a_household_is_what_it_bought(vectors) -> None:
    found = vectors.household_vectors(np.array([0, 0, 2]), np.array([3, 5, 1]), np.array([1.0, 3.0, 2.0]), 3)
    target = vectors.targets["household_buys"]
    assert np.allclose(found, [0.25 * target[3] + 0.75 * target[5], np.zeros(target.shape[1]), target[1]], atol=1e-6)


def test_vectors_come_back_as_they_were_and_damage_is_noticed(vectors, tmp_path) -> None:
    path = tmp_path / "v.safetensors"
    save_vectors(vectors, path)
    first = path.read_bytes()
    read = load_vectors(path)
    assert (read.digest, read.model_version, read.as_of) == (vectors.digest, vectors.model_version, AS_OF)
    save_vectors(read, path)
    assert path.read_bytes() == first
    for damaged in (first[:-1] + bytes([first[-1] ^ 1]), first[:500], b"", b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(VectorsDamaged):
            load_vectors(path)
    with pytest.raises(GnnError):
        load_vectors(tmp_path / "absent")


def test_a_product_without_sales_lies_near_those_like_it(shop, tmp_path) -> None:
    lake = build_tiny_lake(tmp_path / "lake")
    rows = lake.arrow("products").to_pylist()
    twin = next(row for row in rows if row["product_id"] == "penne")
    lake.replace(
        "products",
        type(lake.arrow("products")).from_pylist([*rows, {**twin, "product_id": "zz_new"}], lake.arrow("products").schema),
    )
    found = again(read(lake), tmp_path / "out", epochs=2)
    new = found.embedding[found.position("zz_new")]
    assert np.isfinite(new).all()
    cosine = {
        row[0]: float(
            new
            @ found.embedding[found.position(row[0])]
            / np.linalg.norm(new)
            / np.linalg.norm(found.embedding[found.position(row[0])])
        )
        for row in CATALOGUE
        if row[0] != "fuel"
    }
    assert max(cosine, key=cosine.__getitem__) in {"pasta", "penne"}


def test_nothing_that_is_read_for_serving_imports_torch(project_root) -> None:
    seen, waiting = set(), {"gnn"}
    while waiting:
        name = waiting.pop()
        path = project_root / ("gnn/__init__.py" if name == "gnn" else f"{name.replace('.', '/')}.py")
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {getattr(node, "module", None) or alias.name for node in nodes for alias in node.names}
        assert not any(module.split(".")[0] in {"torch", "torch_geometric", "matplotlib"} for module in modules), name
        seen.add(name)
        waiting |= {module for module in modules if module.startswith("gnn.")} - seen
    assert {"gnn.export", "gnn.evaluate"} <= seen
    assert "gnn.train" not in seen


def test_quality_is_measured_beside_its_floors(shop, tmp_path) -> None:
    early = again(read(shop, AS_OF - timedelta(days=28)), tmp_path, epochs=1)
    rows = evaluate(shop, early, until=AS_OF, seed=1, most=20)
    assert {row.system for row in rows} == {"shelfgraph", "adamic_adar", "popularity"}
    assert {row.relation for row in rows} == set(DECODED)
    assert all(0.0 <= row.value <= 1.0 for row in rows)
