"""Work in a process of its own, so that its memory holds nothing of what came before, and leaves nothing behind."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from bench.world import SIZES, generate_world

__all__ = ["apart", "simulate"]

P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function of a module in a new process and return what it returns, or raise what it raises."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


def simulate(size: str, seed: int, lake: Path) -> None:
    """Write the world of a size, by name, into a lake; its size stays out of this process's memory."""
    apart(_generate, size, seed, lake)


def _generate(size: str, seed: int, lake: Path) -> None:
    generate_world(SIZES[size], seed, lake)
