"""Logged lists as off-policy evaluation reads them: what stood where, how likely that was, and what it brought."""

from dataclasses import dataclass

from features.repertoire import FloatArray, IntArray

__all__ = ["Alternatives", "LoggedPlaces"]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """What the other policy may show at a place: one row per place and product with its chance there, given those before it.

    `propensity` is the chance under the policy that was served, NaN where it is not known; `features` as in `LoggedPlaces`.
    """

    row: IntArray
    target: FloatArray
    propensity: FloatArray
    features: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LoggedPlaces:
    """One row per place of the logged lists, sorted by list and place.

    Args:
        decision: number of the list, 0, 1, … without gaps.
        place: 0, 1, … without gaps within a list.
        propensity: the chance with which what was shown got its place, above 0.
        target: the chance that the other policy gives it there, given those before it.
        reward: what it brought.
        features: (rows, any) of what was shown, for the model of rewards.
        alternatives: what the other policy may show instead.
        cluster: by list, whose it is: lists of one household do not vary independently.
    """

    decision: IntArray
    place: IntArray
    propensity: FloatArray
    target: FloatArray
    reward: FloatArray
    features: FloatArray
    alternatives: Alternatives
    cluster: IntArray

    @property
    def lists(self) -> int:
        """How many lists."""
        return len(self.cluster)
