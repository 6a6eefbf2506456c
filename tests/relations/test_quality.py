"""The back-test's artefact: what is written is what is read, and what cannot be used is refused."""

import json
from dataclasses import replace
from datetime import date

import pytest

from decisions.relations.errors import QualityArtefactError
from decisions.relations.quality import EventOutcome, QualityFigure, RelationQuality, quality_files, read_quality

PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="3"/></svg>'
QUALITY = RelationQuality(
    date(2024, 6, 30),
    "choice/1",
    "Events after week 35; folds by category.",
    (
        QualityFigure("isSubstituteFor", "shelfgraph", "log_loss", "test", None, 4.25, 4.0, 4.5, 40),
        QualityFigure("isSubstituteFor", "personal_available", "log_loss", "test", "DRINKS > COLA", 5.0, None, None, 4),
    ),
    (
        EventOutcome("e1", "delisting", "isSubstituteFor", "a", "DRINKS > COLA", "chain", date(2024, 5, 1), 0.5, 0.4, 0.25, 0.75),
        EventOutcome(
            "e2", "stock_out", "isSubstituteFor", "b", None, "chain", date(2024, 5, 8), 0.5, 0.8, 0.25, 0.75, simulated=True
        ),
    ),
    {"isSubstituteFor.calibration": PICTURE},
)


def test_what_is_written_is_what_is_read():
    files = quality_files(QUALITY)
    assert set(files) == {"relation_quality.json", "isSubstituteFor.calibration.svg"}
    assert read_quality(files) == QUALITY
    assert quality_files(read_quality(files)) == files


def test_an_outcome_is_covered_when_it_lies_in_its_interval():
    assert [event.covered for event in QUALITY.events] == [True, False]


@pytest.mark.parametrize(
    "content",
    [
        b"<p>no picture</p>",
        b"<svg><script>alert(1)</script></svg>",
        b'<svg onload="alert(1)"/>',
        b'<svg><image href="http://elsewhere/x.png"/></svg>',
        b'<svg><use xlink:href="//elsewhere/x"/></svg>',
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>',
        b"<svg><foreignObject/></svg>",
    ],
)
def test_a_picture_that_runs_or_fetches_is_refused_when_written_and_when_read(content):
    with pytest.raises(QualityArtefactError):
        quality_files(replace(QUALITY, pictures={"x": content}))
    with pytest.raises(QualityArtefactError):
        read_quality(quality_files(QUALITY) | {"x.svg": content})


def test_a_picture_may_point_into_itself():
    inner = b'<svg><text>weeks one = two, on all = 3</text><defs><path id="m"/></defs><use xlink:href="#m"/></svg>'
    assert read_quality(quality_files(replace(QUALITY, pictures={"x": inner}))).pictures == {"x": inner}


@pytest.mark.parametrize("name", ["", "../x", "a b", ".x", "x" * 81])
def test_a_picture_has_a_plain_name(name):
    with pytest.raises(QualityArtefactError):
        quality_files(replace(QUALITY, pictures={name: PICTURE}))


def _without(name):
    return lambda value: {key: held for key, held in value.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        _without("figures"),
        _without("format"),
        lambda value: value | {"format": "relation_quality/0"},
        lambda value: value | {"figures": [value["figures"][0] | {"colour": "red"}]},
        lambda value: value | {"figures": [value["figures"][0] | {"value": "much"}]},
        lambda value: value | {"events": [value["events"][0] | {"day": "yesterday"}]},
        lambda value: value | {"as_of": None},
        lambda value: [],
    ],
)
def test_a_damaged_artefact_is_refused(change):
    files = quality_files(QUALITY)
    name = "relation_quality.json"
    with pytest.raises(QualityArtefactError):
        read_quality(files | {name: json.dumps(change(json.loads(files[name]))).encode()})
    with pytest.raises(QualityArtefactError):
        read_quality({})


def test_figures_are_finite():
    figure = replace(QUALITY.figures[0], value=float("nan"))
    with pytest.raises(ValueError, match="canonical"):
        quality_files(replace(QUALITY, figures=(figure,)))
