"""Validation of bearer tokens of an OpenID Connect provider."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from api.identity import Identity
from api.problems import ApiError
from api.roles import Role
from api.signing_keys import SigningKeys, check_url, fetched
from models.fields import is_placeholder

ALGORITHMS: Final = ("RS256", "ES256")
ROLES_CLAIM: Final = "romashka_roles"
TENANTS_CLAIM: Final = "romashka_tenants"
_LEEWAY_SECONDS: Final = 30
_CHECKED_SECONDS: Final = 30
_MAX_CHECKED: Final = 1_000
_KID: Final = re.compile(r"^[\x21-\x7e]{1,256}$")


class Provider(NamedTuple):
    """The accepted issuer and audience."""

    issuer: str
    audience: str
    jwks_url: str


class Tokens:
    """Validates tokens with the provider's keys of ``api.signing_keys``.

    A valid token is cached for half a minute, never beyond its expiry.
    """

    def __init__(self, provider: Provider, clock: Callable[[], float]) -> None:
        check_url(provider.jwks_url)
        self._provider = provider
        self._clock = clock
        self._keys = SigningKeys(lambda: fetched(provider.jwks_url), time.monotonic)
        self._checked: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    async def identity(self, token: str, admit: Callable[[], Awaitable[None]]) -> Identity:
        """Return the identity of a token; ``admit`` may refuse before keys are fetched for it.

        Raises
        ------
        ApiError
            The token is invalid; says why.
        """
        name = sha256(token.encode()).hexdigest()
        known = self._checked.get(name)
        if known is not None and self._clock() < known[1]:
            return known[0]
        claims = await self._claims(token, admit)
        identity = _identity(claims)
        self._checked[name] = (identity, min(self._clock() + _CHECKED_SECONDS, float(claims["exp"])))
        if len(self._checked) > _MAX_CHECKED:
            self._checked.popitem(last=False)
        return identity

    async def close(self) -> None:
        """Stop background work."""
        await self._keys.close()

    async def _claims(self, token: str, admit: Callable[[], Awaitable[None]]) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            if header.get("alg") not in ALGORITHMS or not isinstance(kid, str) or not _KID.match(kid):
                raise _bad(f"it must be signed with {' or '.join(ALGORITHMS)} and name its key")
            key = await self._keys.get(kid, admit)
            if key is None:
                raise _bad("the sign-in service has no such key")
            return jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._provider.audience,
                issuer=self._provider.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise _bad(_why(error)) from None


def _why(error: PyJWTError) -> str:
    reasons: Mapping[type[PyJWTError], str] = {
        ExpiredSignatureError: "it has expired; sign in again",
        ImmatureSignatureError: "it is not valid yet",
        InvalidAudienceError: "it was made for another service (aud)",
        InvalidIssuerError: "another service made it (iss)",
    }
    if isinstance(error, MissingRequiredClaimError):
        return f"it lacks the claim {error.claim}"
    return reasons.get(type(error), "it cannot be read, or its signature does not hold")


def _bad(why: str) -> ApiError:
    challenge = {"WWW-Authenticate": 'Bearer realm="romashka", error="invalid_token"'}
    return ApiError(401, "wrong-token", f"the token is not accepted: {why}", headers=challenge)


def _identity(claims: Mapping[str, Any]) -> Identity:
    subject = _utf8(claims["sub"])[:200]
    roles = frozenset(Role(one) for one in _texts(claims, ROLES_CLAIM) if one in set(Role))
    try:
        tenants = frozenset(UUID(one) for one in _texts(claims, TENANTS_CLAIM))
    except ValueError:
        raise _bad(f"its claim {TENANTS_CLAIM} must be a list of tenants' ids (UUIDs)") from None
    if any(map(is_placeholder, tenants)):
        raise _bad(f"its claim {TENANTS_CLAIM} has an id of all zeros or all f, which is no tenant's")
    return Identity(f"oidc:{subject}", _utf8(claims.get("name", ""))[:100], roles, tenants)


def _utf8(claim: object) -> str:
    """Return a claim as text that can be stored: JSON can have halves of surrogate pairs."""
    return str(claim).encode(errors="replace").decode()


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    found = claims.get(name, [])
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _bad(f"its claim {name} must be a list of texts")
    return listed
