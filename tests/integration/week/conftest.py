"""The simulated week that all tests of this folder share; make test keeps them in one process for it."""

from __future__ import annotations

import pytest

from storage.connection import connect
from tests.simulated_week import Week, load
from tests.spare_databases import SpareDatabases


@pytest.fixture(scope="session")
def week(spare_databases: SpareDatabases) -> Week:
    """A week of traffic with one incident of each kind on its last day, judged by the detectors. Read it only."""
    address = spare_databases.lend()
    with connect(address) as client:
        return load(address, client)
