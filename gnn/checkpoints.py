"""Where training stands, in one file of arrays and one JSON text: written whole or not at all, and nothing in it runs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from gnn.errors import CheckpointForeign

__all__ = ["Course", "Standing", "read_checkpoint", "write_checkpoint"]


@dataclass(slots=True)
class Course:
    """How training went: one row for each epoch, with the losses of training and of the held-out window by relation (nats)."""

    training: list[dict[str, float]] = field(default_factory=list)
    held_out: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self.held_out)

    def best(self) -> int:
        """Return the epoch (from 0) with the lowest mean held-out loss; the earliest among equals, -1 before the first."""
        means = [sum(row.values()) / len(row) for row in self.held_out]
        return min(range(len(means)), key=means.__getitem__, default=-1)


@dataclass(slots=True)
class Standing:
    """The network, its optimiser, the best parameters so far, and the course."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    best: dict[str, torch.Tensor]
    course: Course


def write_checkpoint(path: Path, standing: Standing, configuration: str) -> None:
    """Write where training stands."""
    arrays = {f"network.{name}": value for name, value in standing.network.state_dict().items()}
    arrays |= {f"best.{name}": value for name, value in standing.best.items()}
    for number, state in standing.optimiser.state_dict()["state"].items():
        arrays |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    course = {"training": standing.course.training, "held_out": standing.course.held_out}
    about = json.dumps({"configuration": configuration, "course": course}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(save({name: value.detach().cpu().contiguous() for name, value in arrays.items()}, {"about": about}))
    draft.replace(path)


def read_checkpoint(path: Path, standing: Standing, configuration: str) -> None:
    """Put `standing` where training stood when the file was written.

    Raises:
        CheckpointForeign: the file is of another training, or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointForeign(path, str(error)) from error
    if about.get("configuration") != configuration:
        raise CheckpointForeign(path, "it was made with other settings, other facts or another number of processes")
    standing.network.load_state_dict(_part(arrays, "network."))
    standing.best = _part(arrays, "best.")
    standing.course = Course(**about["course"])
    state: dict[int, dict[str, Any]] = {}
    for name, value in _part(arrays, "optimiser.").items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    standing.optimiser.load_state_dict({**standing.optimiser.state_dict(), "state": state})


def _part(arrays: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
