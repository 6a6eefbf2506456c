"""A relation-aware encoder of typed directed links, with decoders that tell a→b from b→a.

Every node has a learned vector. Messages pass along each kind of link in both directions, normalised by the degrees of its ends
and weighted per dimension, without matrices and nonlinearity in between (LightGCN, He et al. 2020, with relations as in CompGCN,
Vashishth et al. 2020). A kind's decoder mixes the layers into a vector as source and one as target; both start as one, so that
before any learning a score is a smoothed count of walks between two nodes. The score is their product plus what the degrees
and the nodes themselves add.

While a batch of links is foretold it carries no messages, and its links are missing from the degrees: what is learned is to
foretell links that are not there, not to read those that are. The reverse of a link is a link of its own and stays.

Run as `python -m gnn.links FOLDER` by `gnn.link_scores`, on one thread: the same seed gives the same bytes.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.link_scores import LINKS, SCORES, SETTINGS, LinkEncoderConfig, TypedLinks

__all__ = ["LinkEncoder", "MessageGraph", "pair_scores", "train_link_encoder"]

MESSAGE_WEIGHT = 0.5
BIAS_UNITS = 16
Messages = Sequence[tuple[Tensor, Tensor]]


class _Passing(torch.autograd.Function):
    """Sparse times dense; the gradient flows through the transposed matrix, which is at hand."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, vectors: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ vectors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradients[0]


@dataclass(frozen=True, slots=True)
class _Direction:
    """The links of one kind, sorted by row: leaving links out keeps the order."""

    rows: Tensor
    columns: Tensor
    links: Tensor

    @classmethod
    def sorted(cls, rows: Tensor, columns: Tensor, links: Tensor, nodes: int) -> "_Direction":
        order = torch.argsort(rows * nodes + columns, stable=True)
        return cls(rows[order], columns[order], links[order])

    def degrees(self, kept: Tensor, nodes: int) -> Tensor:
        return torch.bincount(self.rows[kept[self.links]], minlength=nodes).float()

    def matrix(self, kept: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
        there = kept[self.links]
        rows, columns = self.rows[there], self.columns[there]
        starts = torch.zeros(len(by_row) + 1, dtype=torch.long)
        starts[1:] = torch.bincount(rows, minlength=len(by_row)).cumsum(0)
        shape = (len(by_row), len(by_column))
        return torch.sparse_csr_tensor(starts, columns, by_row[rows] * by_column[columns], shape, check_invariants=False)


class MessageGraph:
    """The links along which messages pass, with any of them left out."""

    def __init__(self, links: TypedLinks) -> None:
        self.nodes, self.count = links.nodes, len(links)
        self._directions = []
        for kind in range(links.kinds):
            rows = torch.from_numpy(np.flatnonzero(links.kind == kind))
            source, target = (torch.from_numpy(ends)[rows] for ends in (links.source, links.target))
            out = _Direction.sorted(source, target, rows, links.nodes)
            self._directions.append((out, _Direction.sorted(target, source, rows, links.nodes)))

    def without(self, hidden: Tensor) -> tuple[Messages, Tensor]:
        """Return per kind the matrices of both directions, and log degrees (nodes x 2 a kind), as if `hidden` links were not."""
        kept = torch.ones(self.count, dtype=torch.bool)
        kept[hidden] = False
        messages, degrees = [], []
        for out, back in self._directions:
            ends = [direction.degrees(kept, self.nodes) for direction in (out, back)]
            source, target = (degree.clamp(min=1).rsqrt() for degree in ends)
            messages.append((out.matrix(kept, source, target), back.matrix(kept, target, source)))
            degrees += ends
        return messages, torch.log1p(torch.stack(degrees, dim=1))


class LinkEncoder(nn.Module):
    """Vectors of nodes as source and as target of each kind of link."""

    def __init__(self, nodes: int, kinds: int, config: LinkEncoderConfig) -> None:
        super().__init__()
        size = config.dimensions
        self.dropout = config.dropout
        self.vectors = nn.Parameter(torch.randn(nodes, size))
        self.relations = nn.Parameter(torch.full((config.layers, 1 + 2 * kinds, size), MESSAGE_WEIGHT))
        self.mixtures = nn.Parameter(torch.ones(kinds, 2, config.layers + 1, size))
        self.decoders = nn.Parameter(torch.eye(size).repeat(kinds, 2, 1, 1))
        self.by_degree = nn.Sequential(nn.Linear(2 * kinds, BIAS_UNITS), nn.ReLU(), nn.Linear(BIAS_UNITS, 2 * kinds))
        self.by_node = nn.Parameter(torch.zeros(nodes, 2 * kinds))

    def forward(self, messages: Messages, degrees: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors (kinds x 2 x nodes x dimensions) and biases (kinds x 2 x nodes); 2 is source and target."""
        layers = [self.vectors]
        for relations in self.relations:
            step = layers[-1] * relations[0]
            for position, (out, back) in enumerate(messages):
                step = step + _Passing.apply(out, back, layers[-1]) * relations[1 + 2 * position]
                step = step + _Passing.apply(back, out, layers[-1]) * relations[2 + 2 * position]
            layers.append(step)
        mixed = [[self._ends(layers, kind, end) for end in (0, 1)] for kind in range(len(self.decoders))]
        biases = self.by_degree(degrees) + self.by_node
        return torch.stack([torch.stack(ends) for ends in mixed]), biases.T.reshape(len(mixed), 2, -1)

    def _ends(self, layers: Sequence[Tensor], kind: int, end: int) -> Tensor:
        mixed = sum(weight * layer for weight, layer in zip(self.mixtures[kind, end], layers, strict=True))
        return functional.dropout(torch.as_tensor(mixed), self.dropout, self.training) @ self.decoders[kind, end]


def pair_scores(vectors: Tensor, biases: Tensor, kind: int, source: Tensor, target: Tensor) -> Tensor:
    """Return log odds that each source links to its target."""
    product = (vectors[kind, 0][source] * vectors[kind, 1][target]).sum(dim=1) / vectors.shape[-1]
    return product + biases[kind, 0][source] + biases[kind, 1][target]


@dataclass(frozen=True, slots=True)
class _Negatives:
    """Draws pairs that are hardly ever links: at random among a kind's nodes, or two steps from the source."""

    nodes: Tensor
    neighbours: Tensor
    starts: Tensor

    @classmethod
    def of(cls, links: TypedLinks, kind: int) -> "_Negatives":
        rows = links.kind == kind
        ends = [
            np.concatenate(pair) for pair in ((links.source[rows], links.target[rows]), (links.target[rows], links.source[rows]))
        ]
        order = np.argsort(ends[0], kind="stable")
        starts = np.concatenate([[0], np.bincount(ends[0], minlength=links.nodes).cumsum()])
        return cls(*(torch.from_numpy(array) for array in (np.unique(ends[0]), ends[1][order], starts)))

    def draw(self, sources: Tensor, config: LinkEncoderConfig) -> tuple[Tensor, Tensor]:
        repeated = sources.repeat(config.negatives)
        hard = round(len(repeated) * config.two_hop_share)
        any_source, any_target = self.nodes[torch.randint(len(self.nodes), (2, len(repeated) - hard))]
        far = self._step(self._step(repeated[:hard]))
        return torch.cat([any_source, repeated[:hard]]), torch.cat([any_target, far])

    def _step(self, nodes: Tensor) -> Tensor:
        size = self.starts[nodes + 1] - self.starts[nodes]
        return self.neighbours[self.starts[nodes] + (torch.rand(len(nodes)) * size).long()]


def train_link_encoder(links: TypedLinks, *, seed: int, config: LinkEncoderConfig) -> LinkEncoder:
    """Return an encoder that learned to tell links from drawn pairs; deterministic for a seed on one thread."""
    torch.manual_seed(seed)
    graph, encoder = MessageGraph(links), LinkEncoder(links.nodes, links.kinds, config)
    negatives = [_Negatives.of(links, kind) for kind in range(links.kinds)]
    optimiser = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
    fading = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.epochs * config.batches)
    ends = [torch.from_numpy(array) for array in (links.kind, links.source, links.target)]
    for _ in range(config.epochs):
        for batch in torch.randperm(len(links)).tensor_split(config.batches):
            vectors, biases = encoder(*graph.without(batch))
            kind, source, target = (array[batch] for array in ends)
            losses = [
                _loss(vectors, biases, position, (source[kind == position], target[kind == position]), drawn, config)
                for position, drawn in enumerate(negatives)
            ]
            optimiser.zero_grad()
            torch.autograd.backward(torch.stack(losses).sum())
            optimiser.step()
            fading.step()
    return encoder.eval()


def _loss(
    vectors: Tensor, biases: Tensor, kind: int, pairs: tuple[Tensor, Tensor], drawn: _Negatives, config: LinkEncoderConfig
) -> Tensor:
    links = pair_scores(vectors, biases, kind, *pairs)
    others = pair_scores(vectors, biases, kind, *drawn.draw(pairs[0], config))
    return functional.softplus(-links).mean() + functional.softplus(others).mean()


def main(folder: Path) -> None:
    """Read links, settings and queries from the folder, learn, and leave the queries' scores there."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
    settings = json.loads((folder / SETTINGS).read_text())
    config = LinkEncoderConfig(**{field.name: settings[field.name] for field in fields(LinkEncoderConfig)})
    with np.load(folder / LINKS) as arrays:
        links, queries = (TypedLinks(settings["nodes"], settings["kinds"], *arrays[name]) for name in ("links", "queries"))
    encoder = train_link_encoder(links, seed=settings["seed"], config=config)
    scores = torch.zeros(len(queries), dtype=torch.float64)
    with torch.no_grad():
        vectors, biases = encoder(*MessageGraph(links).without(torch.zeros(0, dtype=torch.long)))
        for kind in range(links.kinds):
            rows = np.flatnonzero(queries.kind == kind)
            source, target = (torch.from_numpy(ends[rows]) for ends in (queries.source, queries.target))
            scores[torch.from_numpy(rows)] = pair_scores(vectors, biases, kind, source, target).double()
    np.save(folder / SCORES, scores.numpy())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
