"""Training: graphs of earlier days foretell the pairs of the weeks after, and the latest weeks decide when to stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import torch

from gnn.batches import WholeGraph, batches_of
from gnn.checkpoints import Course, Standing, read_checkpoint, write_checkpoint
from gnn.configuration import TrainingConfig
from gnn.curves import write_curves
from gnn.errors import NothingToLearn
from gnn.examples import Examples, Lesson, draw_lesson
from gnn.export import ProductVectors, save_vectors
from gnn.graph import RELATIONS, ShopGraph
from gnn.learning import Classroom, losses
from gnn.material import Material, read_material
from gnn.model import Network
from gnn.replicas import Replica, joined
from gnn.supervision import DECODED
from kit.canonical import digest_of_value
from kit.progress import Progress
from lake.ports import Lake

__all__ = ["fit", "train"]

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
        NothingToLearn: there are too few weeks, or no relation has pairs to learn from, before that day.
        CheckpointForeign: the folder holds the checkpoint of another training.
        TableMissing: the lake has no products or sales_lines.
    """
    settings = config or TrainingConfig()
    material = read_material(lake, as_of=as_of, seed=seed, config=settings, progress=progress)
    with joined() as replica:
        vectors, course = fit(material, seed=seed, progress=progress, folder=folder, config=settings, replica=replica)
        if replica.first:
            write_curves(folder, course)
            save_vectors(vectors, folder / "vectors.safetensors")
        replica.wait()
    return vectors


def fit(
    material: Material, *, seed: int, progress: Progress, folder: Path, config: TrainingConfig, replica: Replica | None = None
) -> tuple[ProductVectors, Course]:
    """Train on what was read already; `train` says the rest. Leaves only the checkpoint.

    Raises:
        NothingToLearn: no relation has pairs both in the latest window and in one before.
        CheckpointForeign: the folder holds the checkpoint of another training.
    """
    alone = replica or Replica(0, 1, torch.device("cpu"))
    with _repeatable(seed, config.threads):
        epochs = _Epochs(material, seed, config, alone)
        standing = epochs.run(progress, folder)
        return _vectors(standing, material.graph, epochs, alone), standing.course


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


class _Epochs:
    """The epochs: all randomness comes from (seed, epoch, step), so that any epoch can be begun without those before."""

    def __init__(self, material: Material, seed: int, config: TrainingConfig, replica: Replica) -> None:
        lessons, graph = material.lessons, material.graph
        self._lessons, self._config, self._seed, self._replica = lessons, config, seed, replica
        self._rooms = [self._room(lesson) for lesson in lessons]
        self._products = graph.nodes.count("product")
        self.configuration = digest_of_value([config, seed, replica.count, material.digest])
        self.learned = _learnable(material)
        if not self.learned:
            raise NothingToLearn(graph.as_of, f"no pairs of {', '.join(DECODED)} both in its last window and in one before")
        self._held_out = [self._drawn(lessons[-1], (seed, 1, step)) for step in range(HELD_OUT_STEPS)]
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
        examples = self._share(self._drawn(self._lessons[window], (self._seed, 0, epoch, step)))
        hidden = np.random.default_rng((self._seed, 2, epoch, step)).random(self._products) < self._config.hidden_share
        standing.optimiser.zero_grad(set_to_none=True)
        told = losses(self._network, self._rooms[window], examples, hidden=hidden, draw=epoch * 1000 + step)
        torch.autograd.backward(torch.stack(list(told.values())).sum())
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

    def _drawn(self, lesson: Lesson, seed: tuple[int, ...]) -> dict[str, Examples]:
        drawn = draw_lesson(lesson, self._config, np.random.default_rng(seed))
        return {relation: part for relation, part in drawn.items() if relation in self.learned}

    def _share(self, examples: dict[str, Examples]) -> dict[str, Examples]:
        return {relation: part.part(self._replica.rank, self._replica.count) for relation, part in examples.items()}

    def _room(self, lesson: Lesson) -> Classroom:
        config, device = self._config, self._replica.device
        whole = lesson.graph.size <= config.whole_edges
        batches = batches_of(lesson.graph, whole_edges=config.whole_edges, fanout=config.fanout, seed=self._seed, device=device)
        return Classroom(batches, lesson.histories, None if whole else config.history, device)


def _learnable(material: Material) -> tuple[str, ...]:
    """Return the relations with pairs to learn from and pairs to stop by; a decoder without them would score by chance."""
    *trained, held_out = material.lessons
    return tuple(name for name in DECODED if held_out.pairs[name] and any(lesson.pairs[name] for lesson in trained))


def _vectors(standing: Standing, graph: ShopGraph, epochs: _Epochs, replica: Replica) -> ProductVectors:
    """Return what the best network makes of the whole graph of the last day, for the relations that it learned."""
    network = standing.network
    assert isinstance(network, Network)
    network.load_state_dict(standing.best)
    every = np.arange(graph.nodes.count("product"))
    with torch.no_grad():
        batch = WholeGraph(graph, replica.device).around(every, 0).batch
        embedding = network(batch, torch.ones(len(every), device=replica.device))
        sources = {relation: network.decoder(relation).sources(embedding).cpu().numpy() for relation in epochs.learned}
        targets = {relation: network.decoder(relation).targets(embedding).cpu().numpy() for relation in epochs.learned}
    ids = tuple(graph.nodes.ids["product"].to_pylist())
    return ProductVectors(ids, embedding.cpu().numpy(), sources, targets, graph.as_of, epochs.configuration)


def _mean(row: dict[str, float]) -> float:
    return sum(row.values()) / len(row)


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    relations = sorted({relation for row in rows for relation in row})
    return {relation: float(np.mean([row[relation] for row in rows if relation in row])) for relation in relations}
