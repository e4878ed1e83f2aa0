"""The simulated Tuesday that all tests of this folder share."""

from __future__ import annotations

import pytest

from storage.connection import connect
from tests.simulated_tuesday import Tuesday, load
from tests.spare_databases import SpareDatabases


@pytest.fixture(scope="session")
def tuesday(spare_databases: SpareDatabases) -> Tuesday:
    """Eight days of traffic in which one integration of one tenant fails on the last day. Read it only."""
    address = spare_databases.lend()
    with connect(address) as client:
        return load(address, client)
