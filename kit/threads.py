"""How many threads a computation takes: a function of its size alone, so that it can be repeated to the last bit.

LightGBM promises equal models only for an equal number of threads, so neither the machine nor its load may decide.
"""

__all__ = ["threads_for"]

THREADS = 2


def threads_for(rows: int, *, small: int) -> int:
    """Return 2, or 1 for fewer rows than `small`: there a second thread waits longer than it works."""
    return THREADS if rows >= small else 1
