"""Pictures of a back-test: well formed, accepted by the artefact, with one mark per figure, and never fooled by a name."""

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

from decisions.relations.pictures import INSIDE, LINE, MISSED, draw_pictures
from decisions.relations.quality import quality_files, read_quality
from tests.relations.test_quality import QUALITY

SVG = "{http://www.w3.org/2000/svg}"


def circles(content):
    return Counter(one.get("fill") for one in ET.fromstring(content).iter(f"{SVG}circle"))


def test_there_is_one_picture_per_metric_and_one_of_the_events():
    pictures = draw_pictures(QUALITY)
    assert set(pictures) == {"isSubstituteFor.calibration", "isSubstituteFor.log_loss"}
    assert circles(pictures["isSubstituteFor.calibration"]) == {INSIDE: 1, MISSED: 1}
    # the figure of a single category is not among them
    assert circles(pictures["isSubstituteFor.log_loss"]) == {INSIDE: 1}


def test_systems_are_told_apart_and_values_stand_where_they_belong():
    ours = QUALITY.figures[0]
    floor = replace(ours, system="personal_available", value=5.0, low=None, high=None)
    content = draw_pictures(replace(QUALITY, figures=(floor, ours)))["isSubstituteFor.log_loss"]
    assert circles(content) == {INSIDE: 1, LINE: 1}
    places = [float(one.get("cx")) for one in ET.fromstring(content).iter(f"{SVG}circle")]
    assert places[0] < places[1]  # ours comes first, and 4.25 lies left of 5
    words = [one.text for one in ET.fromstring(content).iter(f"{SVG}text")]
    assert words.index("shelfgraph · test · 40") < words.index("personal_available · test · 40")


def test_pictures_pass_the_artefact_s_own_check_and_are_the_same_again():
    pictures = draw_pictures(QUALITY)
    assert read_quality(quality_files(replace(QUALITY, pictures=pictures))).pictures == pictures
    assert draw_pictures(QUALITY) == pictures


def test_words_from_outside_stay_words():
    nasty = '<script>alert("1")</script> & é'
    figures = tuple(replace(one, system=nasty, metric="ndcg@10", category=None) for one in QUALITY.figures)
    pictures = draw_pictures(replace(QUALITY, figures=figures, protocol=nasty))
    assert set(pictures) == {"isSubstituteFor.calibration", "isSubstituteFor.ndcg_10"}
    for content in pictures.values():
        assert ET.fromstring(content).find(f"{SVG}desc").text.startswith(nasty)
        assert not re.search(rb"<script", content)
    quality_files(replace(QUALITY, pictures=pictures))


def test_equal_values_and_no_events_can_be_drawn():
    flat = replace(QUALITY.figures[0], value=1.0, low=1.0, high=1.0)
    assert set(draw_pictures(replace(QUALITY, figures=(flat,), events=()))) == {"isSubstituteFor.log_loss"}
    none = replace(QUALITY.events[0], predicted=0.0, realised=0.0, low=0.0, high=0.0)
    assert set(draw_pictures(replace(QUALITY, figures=(), events=(none,)))) == {"isSubstituteFor.calibration"}
    assert draw_pictures(replace(QUALITY, figures=(), events=())) == {}
