"""Charts are read without colour vision: contrasts by WCAG 2.2, colour blindness by Machado et al. (2009), CIELAB."""

from itertools import combinations

import numpy as np
import pytest

from api.charts.palette import INK, MEANINGS, PAPER, QUIET_INK

# severity 1.0, table 1 of Machado, Oliveira and Fernandes, A physiologically-based model for simulation of color vision
# deficiency, IEEE TVCG 2009; for linear RGB
SEEN = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
WHITE = TO_XYZ @ np.ones(3)
APART = 12.0
"""CIE 1976 distance: 2.3 is just noticed side by side, 12 is told apart in different places of a page."""
PRINTED_APART = 25.0
"""Difference in lightness that a grey print keeps."""
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(colour) @ TO_XYZ[1]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, eyes: str) -> np.ndarray:
    seen = np.clip(SEEN[eyes] @ linear(colour), 0, 1)
    ratio = TO_XYZ @ seen / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, eyes: str) -> float:
    return float(np.linalg.norm(lab(one, eyes) - lab(other, eyes)))


def test_the_measures_know_what_is_known():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert lab("#FFFFFF", "normal") == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("#FF0000", "normal") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    # a red and a green that most see apart, and the colour-blind hardly
    assert distance("#C05000", "#708000", "normal") > 40
    assert distance("#C05000", "#708000", "deuteranopia") < APART


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("panel", MEANINGS)
def test_colours_of_one_panel_stay_apart(panel, eyes):
    pairs = list(combinations(MEANINGS[panel], 2))
    assert len(pairs) >= 6
    near = {
        pair: round(found, 1)
        for pair in pairs
        if (found := distance(MEANINGS[panel][pair[0]].colour, MEANINGS[panel][pair[1]].colour, eyes)) < APART
    }
    assert near == {}


def test_words_can_be_read_and_shapes_seen():
    for ink in (INK, QUIET_INK):
        assert contrast(ink, PAPER) >= TEXT_CONTRAST
    for panel in MEANINGS.values():
        for meaning, look in panel.items():
            assert max(contrast(look.colour, PAPER), contrast(look.edge, PAPER)) >= SHAPE_CONTRAST, meaning


@pytest.mark.parametrize("panel", MEANINGS)
def test_no_two_meanings_differ_by_hue_alone(panel):
    for one, other in combinations(MEANINGS[panel].values(), 2):
        forms = [(look.dash, look.hatch, look.marker) for look in (one, other)]
        lightness = abs(lab(one.colour, "normal")[0] - lab(other.colour, "normal")[0])
        assert forms[0] != forms[1] or lightness >= PRINTED_APART, (one, other)
