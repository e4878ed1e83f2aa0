from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import insight_links
from storage.insight_links import (
    InsightLink,
    LinkAction,
    LinkPurpose,
    LinkRefused,
    LinkSigner,
    expiry,
    link_id,
    without_tokens,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SIGNER = LinkSigner(b"a secret for tests only, 32 bytes")
LINK = InsightLink(UUID(int=1), UUID(int=2), "ada@example.com", expiry(NOW, 7))
MESSAGE = (LinkPurpose.MESSAGE,)


def altered(token: str, **changes: object) -> str:
    """Return a token with other fields and the old signature, as somebody without the secret can make it."""
    payload, _, mac = token.partition(".")
    fields = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    for place, value in changes.items():
        fields[int(place.removeprefix("f"))] = value
    made = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).rstrip(b"=").decode()
    return f"{made}.{mac}"


@settings(max_examples=50)
@given(
    link=st.builds(
        InsightLink,
        st.uuids(),
        st.uuids(),
        st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=120),
        st.integers(1, 2_000_000_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        st.frozensets(st.sampled_from(LinkAction)),
        st.sampled_from(LinkPurpose),
    )
)
def test_a_token_says_what_it_was_made_for(link: InsightLink) -> None:
    assert SIGNER.opened(SIGNER.token(link), tuple(LinkPurpose), NOW) == link


@settings(max_examples=100)
@given(place=st.integers(0, 10_000), character=st.characters(codec="utf-8"))
def test_a_token_with_any_other_character_is_refused(place: int, character: str) -> None:
    token = SIGNER.token(LINK)
    at = place % len(token)
    forged = token[:at] + character + token[at + 1 :]
    if forged != token:
        with pytest.raises(LinkRefused):
            SIGNER.opened(forged, MESSAGE, NOW)


def test_a_token_for_another_insight_tenant_action_or_later_end_is_refused() -> None:
    token = SIGNER.token(LINK)
    assert altered(token) == token
    later = int((NOW + timedelta(days=900)).timestamp())
    for changes in ({"f2": UUID(int=9).hex}, {"f3": UUID(int=9).hex}, {"f4": ["known"]}, {"f5": later}, {"f6": "eve"}):
        with pytest.raises(LinkRefused, match="not a link of ours"):
            SIGNER.opened(altered(token, **changes), MESSAGE, NOW)


def test_a_page_says_which_key_opened_it_and_a_message_is_as_it_was() -> None:
    page = LINK._replace(purpose=LinkPurpose.PAGE, key="abcdefghijkl")
    assert SIGNER.opened(SIGNER.token(page), (LinkPurpose.PAGE,), NOW) == page
    fields = json.loads(base64.urlsafe_b64decode(SIGNER.token(LINK).partition(".")[0] + "=="))
    assert len(fields) == 7, "links that are in mail boxes go on working, and with the version before"


def test_a_token_ends_when_it_says_and_not_a_second_before() -> None:
    token = SIGNER.token(LINK)
    assert SIGNER.opened(token, MESSAGE, LINK.expires_at - timedelta(seconds=1)) == LINK
    with pytest.raises(LinkRefused, match=r"expired \(2026-12-07 12:00"):
        SIGNER.opened(token, MESSAGE, LINK.expires_at)


def test_a_token_for_another_purpose_or_of_another_secret_is_refused() -> None:
    page = SIGNER.token(LINK._replace(purpose=LinkPurpose.PAGE))
    with pytest.raises(LinkRefused, match="something else"):
        SIGNER.opened(page, MESSAGE, NOW)
    with pytest.raises(LinkRefused, match="not a link of ours"):
        LinkSigner(b"another secret for tests, 32 byte").opened(SIGNER.token(LINK), MESSAGE, NOW)


def test_signatures_are_compared_in_constant_time_and_before_the_content_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    in_constant_time = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return in_constant_time(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    monkeypatch.setattr(insight_links, "_link", lambda _: pytest.fail("the content was read"))
    with pytest.raises(LinkRefused):
        SIGNER.opened("e30." + "A" * 43, MESSAGE, NOW)
    assert len(compared) == 1


@pytest.mark.parametrize("text", ["", ".", "a.b", "x" * 5_000, "é." + "A" * 43, "e30." + "A" * 43 + "\n"])
def test_what_is_no_token_is_refused_without_an_error(text: str) -> None:
    with pytest.raises(LinkRefused):
        SIGNER.opened(text, MESSAGE, NOW)


def test_the_id_of_a_token_tells_nothing_of_it() -> None:
    token = SIGNER.token(LINK)
    assert link_id(token) == link_id(token) != link_id(token + "x")
    assert str(LINK.insight) not in str(link_id(token))


def fully_encoded(text: str) -> str:
    return "".join(f"%{ord(one):02x}" for one in text)


@pytest.mark.parametrize("times", [0, 1, 2, 3, 20])
@pytest.mark.parametrize("encoded", [fully_encoded, lambda text: text.replace(".", "%2E"), quote])
def test_a_token_is_in_no_log_however_a_mail_filter_encodes_it(times: int, encoded: Callable[[str], str]) -> None:
    token = SIGNER.token(LINK)
    sent = token if times == 0 else encoded(token)
    for _ in range(times - 1):
        sent = quote(sent, safe="")
    logged = without_tokens(f"/safelinks?url=https%3A%2F%2Fanalytics%2Flinks%2F{sent}&x=1")
    for secret in token.split("."):
        assert secret not in logged
        assert encoded(secret) not in logged


@pytest.mark.parametrize("text", ["/v1/kpis?from=2026-11-01&by=channel", "/v1/kpis/%2e%2e/x", "/a%", "/%zz%C3%A9?=%25"])
def test_what_has_no_token_is_logged_as_it_was_sent(text: str) -> None:
    assert without_tokens(text) == text


@pytest.mark.parametrize(
    "text", ["a" * 65_000, "a." * 32_000, "%25" * 20_000, "%" + "25" * 30_000, "-_" * 32_000 + "."]
)
def test_a_long_address_is_searched_for_tokens_in_no_time(text: str) -> None:
    began = time.perf_counter()
    without_tokens(text)
    assert time.perf_counter() - began < 0.5  # 0.01 s; it took 5 s
