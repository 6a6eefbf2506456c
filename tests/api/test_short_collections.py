"""What stays is set aside from full collections, what goes is given back, and nothing is changed for good."""

import gc
import weakref

import pytest

from api.short_collections import LEAST_SECONDS, short_collections, sweep


class Ring:
    """An object that only a collection gives back."""

    def __init__(self):
        self.itself = self


@pytest.fixture
def clock():
    """A clock that is moved by hand."""
    return [0.0]


def test_what_is_there_is_not_walked_over_again():
    kept = [Ring() for _ in range(1000)]
    with short_collections():
        assert gc.get_freeze_count() >= len(kept)
        assert not any(isinstance(one, Ring) for one in gc.get_objects())


def test_survivors_of_a_full_collection_are_set_aside_but_not_at_once_again(clock):
    with short_collections(lambda: clock[0]):
        kept = [Ring() for _ in range(100)]
        gc.collect()
        assert sum(isinstance(one, Ring) for one in gc.get_objects()) == len(kept)
        clock[0] += LEAST_SECONDS
        gc.collect(1)
        assert sum(isinstance(one, Ring) for one in gc.get_objects()) == len(kept)
        gc.collect()
        assert not any(isinstance(one, Ring) for one in gc.get_objects())


def test_what_is_set_aside_is_given_back_when_nothing_refers_to_it():
    held = {"one": weakref.WeakSet()}
    with short_collections():
        plain = Ring()
        plain.itself = None
        held["one"].add(plain)
        sweep()
        del plain
        assert not held["one"]


def test_a_sweep_gives_back_rings_that_were_set_aside():
    with short_collections():
        ring = Ring()
        gone = weakref.ref(ring)
        sweep()
        del ring
        gc.collect()
        assert gone() is not None
        sweep()
        assert gone() is None


def test_afterwards_all_is_as_it_was():
    callbacks = list(gc.callbacks)
    with pytest.raises(RuntimeError, match="ended"), short_collections():
        raise RuntimeError("ended")
    assert gc.callbacks == callbacks
    assert gc.get_freeze_count() == 0
