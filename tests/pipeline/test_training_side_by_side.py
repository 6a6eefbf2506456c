"""A release is the same to the last byte whether its rooms are fitted one after the other or in two processes."""

import shutil

import pytest

from api.wiring import Installation
from decisions.recommend.errors import NothingSold
from kit.progress import SilentProgress
from pipeline import train as train_module
from tests.pipeline.conftest import Shop, settings_for


def refusing(_, *, as_of, **__):
    raise NothingSold(as_of)


def test_two_processes_fit_what_one_fits(embedded_shop: Shop, tmp_path, request, monkeypatch):
    there = tmp_path / "home"
    shutil.copytree(embedded_shop.installation.layout.home, there)
    installation = Installation.open(settings_for(there, "embedded", request))
    alone = installation.books.releases.current()
    used, side_by_side = [], train_module.side_by_side
    monkeypatch.setattr(train_module, "SIDE_BY_SIDE_LINES", 0)
    monkeypatch.setattr(train_module, "side_by_side", lambda *given: used.append(given) or side_by_side(*given))
    released = installation.train(SilentProgress())
    assert len(used) == 1
    assert released.id != alone.id
    assert {**released.models} == {**alone.models}
    assert released.feature_snapshot == alone.feature_snapshot


def test_what_the_other_process_cannot_do_is_said_as_here(embedded_shop: Shop, tmp_path, request, monkeypatch):
    there = tmp_path / "home"
    shutil.copytree(embedded_shop.installation.layout.home, there)
    installation = Installation.open(settings_for(there, "embedded", request))
    published = installation.books.releases.current().id
    monkeypatch.setattr(train_module, "SIDE_BY_SIDE_LINES", 0)
    monkeypatch.setattr(train_module.recommend, "fit", refusing)
    with pytest.raises(NothingSold):
        installation.train(SilentProgress())
    assert installation.books.releases.current().id == published
