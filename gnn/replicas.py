"""Several processes that train one network: each takes its share of the pairs, all make the same step.

`torchrun` starts them; a process of its own trains alone. Gradients are averaged, so replicas stay equal to the last bit.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

__all__ = ["Replica", "joined"]


@dataclass(frozen=True, slots=True)
class Replica:
    """Which of how many processes this is, and what it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes files and tells of progress."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its mean over all replicas."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)
            parameter.grad /= self.count

    def wait(self) -> None:
        """Return when every replica has come here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined() -> Iterator[Replica]:
    """Join the processes that torchrun started, or train alone; one GPU for each process where there are any."""
    gpu = torch.cuda.is_available()
    if not distributed.is_torchelastic_launched():
        yield Replica(0, 1, torch.device("cuda" if gpu else "cpu"))
        return
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        device = torch.device("cuda", distributed.get_node_local_rank()) if gpu else torch.device("cpu")
        yield Replica(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
