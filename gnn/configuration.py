"""How the network is trained."""

from dataclasses import dataclass

__all__ = ["TrainingConfig"]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Sizes and lengths; the defaults are those of the demo data.

    Attributes:
        dims: columns of an embedding.
        decoded: columns of a decoded vector.
        layers: exchanges of messages.
        text_columns: columns that a product's text is folded into.
        window_days: how many days of pairs follow each training graph.
        windows: how many of them are trained on; one more, the latest, decides when to stop.
        epochs: at most so many; one epoch takes every window twice.
        patience: epochs without a better loss on the latest window before training ends.
        pairs_per_step: drawn for each relation.
        negatives: popular, same category and two hops, for each pair.
        learning_rate: of Adam.
        weight_decay: likewise.
        hidden_share: of the products' own vectors, hidden in each step.
        whole_edges: graphs with more edges are sampled; twenty million take about 0.7 GB for each window.
        fanout: neighbours for each relation, by hop, when sampled.
        history: purchases of a household that are looked at when sampled.
        threads: of torch; part of the configuration because sums depend on it.
    """

    dims: int = 64
    decoded: int = 32
    layers: int = 2
    text_columns: int = 128
    window_days: int = 28
    windows: int = 3
    epochs: int = 12
    patience: int = 2
    pairs_per_step: int = 8192
    negatives: tuple[int, int, int] = (4, 4, 2)
    learning_rate: float = 0.002
    weight_decay: float = 0.01
    hidden_share: float = 0.5
    whole_edges: int = 20_000_000
    fanout: tuple[int, ...] = (12, 6)
    history: int = 30
    threads: int = 1
