"""The simulated week that all tests of this folder share; make test keeps them in one process for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.roles import Role
from api.services import Configuration
from storage.connection import ClickHouseAddress, connect
from tests.api_server import SECRET, serving, sign_in, stored
from tests.served_api import OURS, Api
from tests.simulated_week import Week, load
from tests.spare_databases import SpareDatabases


@pytest.fixture(scope="session")
def week(spare_databases: SpareDatabases) -> Week:
    """A week of traffic with one incident of each kind on its last day, judged by the detectors. Read it only."""
    address = spare_databases.lend()
    with connect(address) as client:
        return load(address, client)


@pytest.fixture(scope="session")
def api(week: Week, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API on the simulated week, with keys for it."""
    admin, analyst = stored(week.address, Role.ADMIN), stored(week.address, Role.ANALYST, OURS)
    revoked = stored(week.address, Role.ADMIN, revoked=True)
    with sign_in() as service:
        configuration = Configuration(
            week.address,
            SECRET,
            tmp_path_factory.mktemp("reports"),
            provider=service.provider,
            requests_per_minute=600_000,
            heavy_per_minute=600_000,
        )
        with serving(configuration) as url:
            yield Api(url, service, week, admin, analyst, revoked)


@pytest.fixture
def quiet(database: ClickHouseAddress, tmp_path: Path) -> Iterator[tuple[str, ClickHouseAddress]]:
    """An API on a database without a worker."""
    plenty = Configuration(database, SECRET, tmp_path, requests_per_minute=600_000, heavy_per_minute=600_000)
    with serving(plenty) as url:
        yield url.replace("http", "ws") + "/v1/live", database
