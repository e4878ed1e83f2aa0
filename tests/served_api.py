"""The API of the simulated week, served, and how it refuses."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import httpx

from tests.api_server import SignIn
from tests.simulated_week import TENANTS, Week

OURS: Final = TENANTS[0].id
THEIRS: Final = TENANTS[1].id
REPORT: Final = {"type": "executive", "format": "json", "filters": {"time_range": "7d"}}
SCHEDULE: Final = {
    "name": "Weekly",
    "type": "executive",
    "cron": "0 7 * * 1",
    "recipients": ["mailto:ada@example.com"],
}


class Api(NamedTuple):
    """The API, served, and what opens it."""

    url: str
    sign_in: SignIn
    week: Week
    admin: str
    analyst: str
    revoked: str

    def get(self, path: str, token: str, **parameters: Any) -> httpx.Response:
        return self.call("GET", path, token, params=parameters)

    def call(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | more.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **more)


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["type"]) == (status, status, f"urn:romashka:problem:{kind}")
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
