"""The tiny shop, its graph as of a day, and one short training on it."""

from datetime import timedelta
from pathlib import Path

import pytest

from gnn import TrainingConfig
from gnn.export import ProductVectors
from gnn.graph import ShopGraph, build_graph, read_nodes
from gnn.material import Material, read_material
from gnn.train import train
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from tests.tiny_retailer import AS_OF, build_tiny_lake

SHORT = TrainingConfig(dims=8, decoded=6, text_columns=16, windows=2, epochs=3, pairs_per_step=128, threads=1)
CUT = AS_OF - timedelta(days=28)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DeltaLake:
    return build_tiny_lake(tmp_path_factory.mktemp("gnn") / "lake")


@pytest.fixture(scope="session")
def graph(shop: DeltaLake) -> ShopGraph:
    return build_graph(shop, read_nodes(shop, AS_OF, 16), CUT)


@pytest.fixture(scope="session")
def material(shop: DeltaLake) -> Material:
    return read_material(shop, as_of=AS_OF, seed=3, config=SHORT, progress=SilentProgress())


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="session")
def vectors(shop: DeltaLake, trained_folder: Path) -> ProductVectors:
    return train(shop, as_of=AS_OF, seed=3, progress=SilentProgress(), folder=trained_folder, config=SHORT)
