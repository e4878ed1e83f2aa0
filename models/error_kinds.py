"""Maps the error words of connectors to error kinds; the list is open."""

from __future__ import annotations

from typing import Final

from models.words import squashed

_WORDS: Final[dict[str, str]] = {
    "auth": (
        "auth authentication unauthenticated unauthorized auth_error auth_failed authentication_error "
        "authentication_failed invalid_credentials bad_credentials invalid_token token_revoked token_expired "
        "expired_token invalid_grant login_failed reauth_required 401"
    ),
    "permission": (
        "permission permissions permission_denied forbidden access_denied insufficient_scope missing_scope "
        "insufficient_permissions 403"
    ),
    "rate_limit": (
        "rate_limit rate_limited rate_limit_exceeded ratelimit_error too_many_requests throttled throttling "
        "quota_exceeded request_limit_exceeded 429"
    ),
    "timeout": "timeout timed_out time_out request_timeout read_timeout gateway_timeout deadline_exceeded 408 504",
    "not_found": "not_found missing no_such_record record_not_found resource_not_found 404",
    "schema": (
        "schema schema_error schema_mismatch schema_changed invalid_schema invalid_field parse_error validation_error "
        "malformed_response 422"
    ),
    "provider_down": (
        "provider_down down unavailable service_unavailable server_error internal_server_error bad_gateway outage "
        "connection_error connection_refused network_error unreachable 500 502 503"
    ),
    "unknown": "unknown other error",
}
KNOWN: Final[tuple[str, ...]] = tuple(_WORDS)
_KINDS: Final = {squashed(word): kind for kind, words in _WORDS.items() for word in words.split()}


def error_kind_of(word: str) -> str:
    """Return the error kind of a word; a word that is not in the list is returned unchanged."""
    return _KINDS.get(squashed(word), word)
