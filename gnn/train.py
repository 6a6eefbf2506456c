"""Training: graphs of earlier days foretell the pairs of the weeks after, and the latest weeks decide when to stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import torch

from gnn.batches import WholeGraph, batches_of
from gnn.checkpoints import Course, Standing, read_checkpoint, write_checkpoint
from gnn.configuration import TrainingConfig
from gnn.curves import write_curves
from gnn.errors import NothingToLearn
from gnn.examples import Examples, Histories, Lesson, draw_lesson
from gnn.export import ProductVectors, save_vectors
from gnn.graph import RELATIONS, ShopGraph, ShopNodes, build_graph, read_nodes
from gnn.learning import Classroom, losses
from gnn.model import Network
from gnn.negatives import Negatives
from gnn.replicas import Replica, joined
from gnn.supervision import DECODED, observed_pairs
from kit.canonical import digest_of_value
from kit.progress import Progress
from lake.ports import Lake

__all__ = ["train"]

STEPS_PER_WINDOW = 2
HELD_OUT_STEPS = 2


def train(
    lake: Lake, *, as_of: date, seed: int, progress: Progress, folder: Path, config: TrainingConfig | None = None
) -> ProductVectors:
    """Train on what is known at the end of `as_of`, and return the vectors of every product on that day.

    The same facts, seed, configuration and number of processes give the same bytes on a CPU; facts after `as_of` change
    nothing. `folder` receives checkpoint.safetensors after each epoch, curves.json, curves.png and vectors.safetensors;
    training that was interrupted goes on from its checkpoint, with the same result. Under torchrun each process takes its
    share of the pairs.

    Raises:
        NothingToLearn: there are too few weeks, or a relation without any pair, before that day.
        CheckpointForeign: the folder holds the checkpoint of another training.
        TableMissing: the lake has no products or sales_lines.
    """
    settings = config or TrainingConfig()
    with joined() as replica, _repeatable(seed, settings.threads):
        with progress.stage("Reading the graph of each window", settings.windows + 2) as stage:
            nodes = read_nodes(lake, as_of, settings.text_columns)
            lessons = []
            for lesson in _lessons(lake, nodes, as_of, seed, settings):
                lessons.append(lesson)
                stage.advance()
            graph = build_graph(lake, nodes, as_of)
            stage.advance()
        course = _Course(lessons, graph, seed, settings, replica)
        standing = course.run(progress, folder)
        vectors = _vectors(standing, graph, course.configuration, replica)
        if replica.first:
            write_curves(folder, standing.course)
            save_vectors(vectors, folder / "vectors.safetensors")
        replica.wait()
    return vectors


def _lessons(lake: Lake, nodes: ShopNodes, as_of: date, seed: int, config: TrainingConfig) -> Iterator[Lesson]:
    """Give the lesson of each window, the latest last."""
    for window in range(config.windows, -1, -1):
        until = as_of - timedelta(days=config.window_days * window)
        graph = build_graph(lake, nodes, until - timedelta(days=config.window_days))
        if not len(graph.edges["bought_by"].product):
            raise NothingToLearn(as_of, f"nothing was sold on or before {graph.as_of}, where the first window begins")
        pairs = observed_pairs(lake, graph, until, seed)
        yield Lesson(graph, pairs, Negatives(graph), Histories(graph))


@contextmanager
def _repeatable(seed: int, threads: int) -> Iterator[None]:
    """Fix what torch's results depend on, and put it back."""
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


class _Course:
    """The epochs: all randomness comes from (seed, epoch, step), so that any epoch can be begun without those before."""

    def __init__(self, lessons: list[Lesson], graph: ShopGraph, seed: int, config: TrainingConfig, replica: Replica) -> None:
        self._lessons, self._config, self._seed, self._replica = lessons, config, seed, replica
        self._rooms = [self._room(lesson) for lesson in lessons]
        self._products = graph.nodes.count("product")
        digests = [lesson.graph.digest() for lesson in lessons] + [graph.digest()]
        self.configuration = digest_of_value([config, seed, replica.count, digests])
        self._held_out = [
            draw_lesson(lessons[-1], config, np.random.default_rng((seed, 1, step))) for step in range(HELD_OUT_STEPS)
        ]
        missing = [relation for relation in DECODED if relation not in self._held_out[0]]
        if len(missing) == len(DECODED):
            raise NothingToLearn(graph.as_of, f"no pair of {', '.join(missing)} in its last {config.window_days} days")
        counts = {kind: graph.nodes.count(kind) for kind in ("product", *RELATIONS.values())}
        features = graph.features.shape[1]
        self._network = Network(counts, features=features, dims=config.dims, decoded=config.decoded, layers=config.layers)
        self._network.to(replica.device)

    def run(self, progress: Progress, folder: Path) -> Standing:
        """Train until the held-out loss has not fallen for `patience` epochs, from the checkpoint where there is one."""
        optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=self._config.learning_rate, weight_decay=self._config.weight_decay
        )
        standing, path = Standing(self._network, optimiser, {}, Course()), folder / "checkpoint.safetensors"
        if path.exists():
            read_checkpoint(path, standing, self.configuration)
        with progress.stage("Training the graph neural network", self._config.epochs) as stage:
            stage.advance(standing.course.epochs)
            while not self._finished(standing.course):
                self._epoch(standing)
                stage.advance()
                stage.note(f"held-out loss {_mean(standing.course.held_out[-1]):.3f}")
                if self._replica.first:
                    write_checkpoint(path, standing, self.configuration)
        return standing

    def _finished(self, course: Course) -> bool:
        stale = course.epochs - 1 - course.best()
        return course.epochs >= self._config.epochs or (course.epochs > 0 and stale >= self._config.patience)

    def _epoch(self, standing: Standing) -> None:
        epoch, windows = standing.course.epochs, len(self._lessons) - 1
        told = [self._step(standing, epoch, step, step % windows) for step in range(STEPS_PER_WINDOW * windows)]
        standing.course.training.append(_average(told))
        standing.course.held_out.append(self._examine())
        if standing.course.best() == epoch:
            standing.best = {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def _step(self, standing: Standing, epoch: int, step: int, window: int) -> dict[str, float]:
        random = np.random.default_rng((self._seed, 0, epoch, step))
        examples = self._share(draw_lesson(self._lessons[window], self._config, random))
        hidden = random.random(self._products) < self._config.hidden_share
        standing.optimiser.zero_grad(set_to_none=True)
        told = losses(self._network, self._rooms[window], examples, hidden=hidden, draw=epoch * 1000 + step)
        torch.stack(list(told.values())).sum().backward()
        self._replica.average_gradients(self._network.parameters())
        standing.optimiser.step()
        return {relation: float(loss.detach()) for relation, loss in told.items()}

    def _examine(self) -> dict[str, float]:
        """Return the losses on the held-out window; every replica computes all of it, so all stop together."""
        hidden = np.zeros(self._products, dtype=bool)
        with torch.no_grad():
            told = [
                losses(self._network, self._rooms[-1], part, hidden=hidden, draw=10**9 + n)
                for n, part in enumerate(self._held_out)
            ]
        return _average([{relation: float(loss) for relation, loss in one.items()} for one in told])

    def _share(self, examples: dict[str, Examples]) -> dict[str, Examples]:
        return {relation: part.part(self._replica.rank, self._replica.count) for relation, part in examples.items()}

    def _room(self, lesson: Lesson) -> Classroom:
        config, device = self._config, self._replica.device
        whole = lesson.graph.size <= config.whole_edges
        batches = batches_of(lesson.graph, whole_edges=config.whole_edges, fanout=config.fanout, seed=self._seed, device=device)
        return Classroom(batches, lesson.histories, None if whole else config.history, device)


def _vectors(standing: Standing, graph: ShopGraph, configuration: str, replica: Replica) -> ProductVectors:
    """Return what the best network makes of the whole graph of the last day."""
    network = standing.network
    assert isinstance(network, Network)
    network.load_state_dict(standing.best)
    every = np.arange(graph.nodes.count("product"))
    with torch.no_grad():
        batch = WholeGraph(graph, replica.device).around(every, 0).batch
        embedding = network(batch, torch.ones(len(every), device=replica.device))
        sources = {relation: network.decoder(relation).sources(embedding).cpu().numpy() for relation in DECODED}
        targets = {relation: network.decoder(relation).targets(embedding).cpu().numpy() for relation in DECODED}
    ids = tuple(graph.nodes.ids["product"].to_pylist())
    return ProductVectors(ids, embedding.cpu().numpy(), sources, targets, graph.as_of, configuration)


def _mean(row: dict[str, float]) -> float:
    return sum(row.values()) / len(row)


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    relations = sorted({relation for row in rows for relation in row})
    return {relation: float(np.mean([row[relation] for row in rows if relation in row])) for relation in relations}
