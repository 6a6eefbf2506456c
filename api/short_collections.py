"""Keeps the pauses of the cyclic garbage collector short while a release is served.

A release is hundreds of thousands of objects that stay, and kept answers are as many again. A full collection walks over all of
them with every request waiting: 300 ms on the demo data. So what has survived one is set aside (`gc.freeze`) and not walked over
again. It is still given back as soon as nothing refers to it; only rings among it wait for the sweep that follows a release's
end.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["short_collections", "sweep"]

LEAST_SECONDS = 10.0
"""Between two times of setting aside: what is under way then, and rings that it will leave, is set aside with the rest."""


@contextmanager
def short_collections(seconds: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Set aside what is there now and, while entered, what survives full collections; at the end all is as it was before."""
    sweep()
    latest = seconds()

    def set_aside(phase: str, found: dict[str, int]) -> None:
        nonlocal latest
        if phase == "stop" and found["generation"] == 2 and seconds() - latest >= LEAST_SECONDS:
            gc.freeze()
            latest = seconds()

    gc.callbacks.append(set_aside)
    try:
        yield
    finally:
        gc.callbacks.remove(set_aside)
        gc.unfreeze()


def sweep() -> None:
    """Collect rings among all there is, and set aside what is left."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
