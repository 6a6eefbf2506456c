"""Learning curves, as numbers and as a picture."""

import json
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gnn.checkpoints import Course

__all__ = ["write_curves"]


def write_curves(folder: Path, course: Course) -> None:
    """Write curves.json and curves.png: loss by epoch and relation, in training and on the held-out window; the best epoch."""
    about = {"training": course.training, "held_out": course.held_out, "best_epoch": course.best() + 1}
    _replace(folder / "curves.json", json.dumps(about, indent=1, sort_keys=True).encode())
    draft = folder / "curves.draft.png"
    _figure(course).savefig(draft, metadata={"Software": None})
    draft.replace(folder / "curves.png")


def _figure(course: Course) -> Figure:
    relations = sorted(course.held_out[0])
    figure = Figure(figsize=(3.2 * len(relations), 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = range(1, course.epochs + 1)
    for axes, relation in zip(figure.subplots(1, len(relations), squeeze=False)[0], relations, strict=True):
        axes.plot(epochs, [row.get(relation) for row in course.training], label="training")
        axes.plot(epochs, [row[relation] for row in course.held_out], label="held out")
        axes.axvline(course.best() + 1, color="grey", linewidth=0.8)
        axes.set(title=relation, xlabel="epoch", ylabel="loss (nats)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return figure


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(content)
    draft.replace(path)
