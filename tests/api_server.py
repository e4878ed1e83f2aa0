"""The API on a port of this process, as uvicorn serves it, and tokens of a sign-in service that is only here."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.app import create_app
from api.keys import KeySigner, StoredKey, new_key, save
from api.roles import Role
from api.services import Configuration
from api.tokens import ROLES_CLAIM, TENANTS_CLAIM, Provider
from storage.connection import ClickHouseAddress, connect

ISSUER = "https://login.example.com/"
AUDIENCE = "romashka-analytics"
SECRET = b"a secret for tests only, 32 bytes"


@contextmanager
def serving(configuration: Configuration, around: Callable[[FastAPI], ASGIApp] = lambda app: app) -> Iterator[str]:
    """Serve the API; yields its URL. ``around`` wraps the application."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(around(create_app(configuration)), log_config=None, server_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started:
                assert thread.is_alive(), "the API did not start"
                assert time.monotonic() < deadline, "the API did not start in time"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@dataclass
class SignIn:
    """A sign-in service: serves its keys, and signs what it is told to."""

    key: rsa.RSAPrivateKey
    jwks_url: str

    @property
    def provider(self) -> Provider:
        """What the API is told about it."""
        return Provider(ISSUER, AUDIENCE, self.jwks_url)

    def token(self, role: str, *tenants: UUID, key: Any = None, kid: str = "first", **claims: Any) -> str:
        """Return a token that is good, but for the claims that are given."""
        now = int(datetime.now(UTC).timestamp())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "anna",
            "iat": now,
            "exp": now + 600,
            ROLES_CLAIM: [role],
            TENANTS_CLAIM: [str(tenant) for tenant in tenants],
        }
        return jwt.encode({**good, **claims}, key or self.key, algorithm="RS256", headers={"kid": kid})


@contextmanager
def sign_in() -> Iterator[SignIn]:
    """Run a sign-in service."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "first", "use": "sig"}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Keys, json.dumps({"keys": [public]}).encode()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield SignIn(key, f"http://127.0.0.1:{server.server_address[1]}/keys")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Keys(BaseHTTPRequestHandler):
    def __init__(self, body: bytes, *args: Any) -> None:
        self._body = body
        super().__init__(*args)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self._body)))
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        pass


def stored(address: ClickHouseAddress, role: Role, tenant: UUID | None = None, *, revoked: bool = False) -> str:
    """Make an API key in the database; return it as its holder has it."""
    key, shown = new_key(role, tenant, f"test {role}", datetime.now(UTC))
    with connect(address) as client:
        save(client, key, KeySigner(SECRET))
        if revoked:
            save(client, _revoked(key), KeySigner(SECRET))
    return shown


def _revoked(key: StoredKey) -> StoredKey:
    return key._replace(revoked_at=datetime.now(UTC))
