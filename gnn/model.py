"""The network: an encoder that hears each relation apart, and for each decoded relation two matrices that need not agree.

Products are described by their attributes, so that one without sales has an embedding too; every other node, and products
that were sold, also have a vector of their own that is learned.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from gnn.graph import RELATIONS
from gnn.spreading import Spread
from gnn.supervision import DECODED

__all__ = ["GraphBatch", "Network"]

OTHER_KINDS = tuple(RELATIONS.values())


@dataclass(frozen=True, slots=True, eq=False)
class GraphBatch:
    """What the encoder is given: the nodes by kind (positions in the whole graph), the products' features, and the means.

    `to_product` and `to_other` hold by relation the mean over a product's neighbours, and over those of the other end; rows
    and columns follow `nodes`.
    """

    nodes: Mapping[str, torch.Tensor]
    features: torch.Tensor
    to_product: Mapping[str, Spread]
    to_other: Mapping[str, Spread]


class _Layer(nn.Module):
    """One exchange of messages: a matrix for each relation and direction; a product attends to its relations.

    Source of the matrices by relation: Schlichtkrull et al., Modeling relational data with graph convolutional networks, 2018;
    of attention over relations: Wang et al., Heterogeneous graph attention network, 2019.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.to_product = nn.ModuleDict({name: nn.Linear(dims, dims, bias=False) for name in RELATIONS})
        self.to_other = nn.ModuleDict({name: nn.Linear(dims, dims) for name in RELATIONS})
        self.own = nn.ModuleDict({kind: nn.Linear(dims, dims) for kind in ("product", *OTHER_KINDS)})
        self.norm = nn.ModuleDict({kind: nn.LayerNorm(dims) for kind in ("product", *OTHER_KINDS)})
        self.attention = nn.Linear(dims, len(RELATIONS))

    def forward(self, state: Mapping[str, torch.Tensor], batch: GraphBatch) -> dict[str, torch.Tensor]:
        product = state["product"]
        attention = torch.softmax(self.attention(product), dim=1) * len(RELATIONS)
        heard = self.own["product"](product)
        after: dict[str, torch.Tensor] = {}
        for place, (name, kind) in enumerate(RELATIONS.items()):
            # the fewer rows are multiplied: those of the other end, before they are spread and after they are gathered
            heard = heard + attention[:, place : place + 1] * batch.to_product[name](self.to_product[name](state[kind]))
            told = self.own[kind](state[kind]) + self.to_other[name](batch.to_other[name](product))
            after[kind] = state[kind] + functional.relu(self.norm[kind](told))
        after["product"] = product + functional.relu(self.norm["product"](heard))
        return after


class _Decoder(nn.Module):
    """score(source, target) = source part · target part + how readily the source is taken at all."""

    def __init__(self, dims: int, decoded: int) -> None:
        super().__init__()
        self.source = nn.Linear(dims, decoded)
        self.target = nn.Linear(dims, decoded)
        self.readiness = nn.Linear(dims, 1)

    def sources(self, embedding: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.source(embedding), self.readiness(embedding)], dim=1)

    def targets(self, embedding: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.target(embedding), embedding.new_ones(len(embedding), 1)], dim=1)


class Network(nn.Module):
    """Encoder and decoders.

    Args:
        counts: how many nodes of each kind there are.
        features: columns that describe a product.
        dims: columns of an embedding.
        decoded: columns of a decoded vector, to which one for readiness is added.
        layers: how many exchanges of messages.
    """

    def __init__(self, counts: Mapping[str, int], *, features: int, dims: int, decoded: int, layers: int) -> None:
        super().__init__()
        self.describe = nn.Linear(features, dims)
        self.known = nn.ModuleDict({kind: nn.Embedding(max(count, 1), dims) for kind, count in counts.items()})
        nn.init.zeros_(self._table("product"))
        for kind in OTHER_KINDS:
            nn.init.normal_(self._table(kind), std=0.3)
        self.layers = nn.ModuleList([_Layer(dims) for _ in range(layers)])
        self.decoders = nn.ModuleDict({relation: _Decoder(dims, decoded) for relation in DECODED})

    def forward(self, batch: GraphBatch, product_known: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of the batch's products (products x dims).

        `product_known` (products, 0 or 1) hides the own vectors of some, so that attributes alone learn to speak for them.
        """
        own = self.known["product"](batch.nodes["product"]) * product_known[:, None]
        state = {kind: self.known[kind](batch.nodes[kind]) for kind in OTHER_KINDS}
        state["product"] = self.describe(batch.features) + own
        heard: torch.Tensor = state["product"]
        for layer in self.layers:
            state = layer(state, batch)
            heard = heard + state["product"]
        return heard / (1 + len(self.layers))

    def decoder(self, relation: str) -> _Decoder:
        """Return the decoder of one relation of `DECODED`."""
        decoder = self.decoders[relation]
        assert isinstance(decoder, _Decoder)
        return decoder

    def _table(self, kind: str) -> torch.Tensor:
        table = self.known[kind]
        assert isinstance(table, nn.Embedding)
        return table.weight
