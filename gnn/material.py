"""What training reads: for each window the graph that ends where it begins, and its pairs; and the graph of the last day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gnn.configuration import TrainingConfig
from gnn.errors import NothingToLearn
from gnn.examples import Histories, Lesson
from gnn.graph import ShopGraph, ShopNodes, build_graph, digest_of_arrays, read_nodes
from gnn.negatives import Negatives
from gnn.supervision import observed_pairs
from kit.canonical import digest_of_value
from kit.progress import Progress
from lake.ports import Lake

__all__ = ["Material", "read_material"]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """`lessons` by window, the latest last: it is held out. `graph` is that of the last day, `digest` that of everything here."""

    lessons: tuple[Lesson, ...]
    graph: ShopGraph
    digest: str


def read_material(lake: Lake, *, as_of: date, seed: int, config: TrainingConfig, progress: Progress) -> Material:
    """Return what is known at the end of `as_of`. `seed` draws the pairs of bought_with.

    Raises:
        NothingToLearn: nothing was sold before the first window.
        TableMissing: the lake has no products or sales_lines.
    """
    lessons: list[Lesson] = []
    with progress.stage("Reading the graph of each window", config.windows + 2) as stage:
        nodes = read_nodes(lake, as_of, config.text_columns)
        for lesson in _lessons(lake, nodes, as_of, seed, config):
            lessons.append(lesson)
            stage.advance()
        graph = build_graph(lake, nodes, as_of)
        stage.advance()
    return Material(tuple(lessons), graph, digest_of_value([graph.digest(), [_digest(lesson) for lesson in lessons]]))


def _lessons(lake: Lake, nodes: ShopNodes, as_of: date, seed: int, config: TrainingConfig) -> Iterator[Lesson]:
    for window in range(config.windows, -1, -1):
        until = as_of - timedelta(days=config.window_days * window)
        graph = build_graph(lake, nodes, until - timedelta(days=config.window_days))
        if not len(graph.edges["bought_by"].product):
            raise NothingToLearn(as_of, f"nothing was sold on or before {graph.as_of}, where the first window begins")
        yield Lesson(graph, observed_pairs(lake, graph, until, seed), Negatives(graph), Histories(graph))


def _digest(lesson: Lesson) -> str:
    pairs = [array for one in lesson.pairs.values() for array in (one.source, one.target, one.weight)]
    return digest_of_value([lesson.graph.digest(), digest_of_arrays(*pairs)])
