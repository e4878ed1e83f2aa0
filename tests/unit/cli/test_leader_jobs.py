from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from cli.leader_jobs import _live_push
from cli.settings import Settings

GRAFANA = "http://grafana:3000"


def config(*, old: str = "", new: str = "", push: bool = True) -> Settings:
    return Settings(grafana_live_token=SecretStr("glsa_1" if push else ""), grafana_url=old, grafana_live_url=new)


def test_live_figures_are_pushed_where_an_address_is_set(caplog: pytest.LogCaptureFixture) -> None:
    assert _live_push(config(new=GRAFANA)) is not None
    assert _live_push(config()) is None
    assert caplog.records == []


def test_the_old_name_of_the_address_works_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert _live_push(config(old=GRAFANA)) is not None
    assert "set ROMASHKA_GRAFANA_LIVE_URL" in caplog.text


def test_the_address_that_access_rules_are_set_with_pushes_nothing_without_a_token() -> None:
    assert _live_push(config(old=GRAFANA, push=False)) is None
