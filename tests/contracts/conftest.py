"""The broker that the contract suites run against."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from embedded.broker import Broker


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Address of the broker of ROMASHKA_TEST_KAFKA, or of an embedded one."""
    given = os.environ.get("ROMASHKA_TEST_KAFKA")
    if given is not None:
        yield given
        return
    with Broker() as broker:
        yield broker.bootstrap
