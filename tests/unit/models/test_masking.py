"""Passwords in addresses are found wherever they stand, and nothing else is."""

from __future__ import annotations

import pytest

from models.masking import has_credentials, hide_passwords, masked


@pytest.mark.parametrize(
    "address",
    [
        "http://user:c4nary@host:8123/path",
        "redis://:c4nary@host:6379/0",
        "https://c4nary@host",
        "http://user:c4na/c4nary@host",
        "http://user:p@c4nary@host:port",
        "kafka://user:c4nary#x@host",
    ],
)
def test_what_stands_before_the_host_of_an_address_is_never_shown(address: str) -> None:
    for text in (address, f"cannot reach {address}: refused", f"('{address}',)", f'"{address}" is wrong'):
        assert "c4nary" not in masked(text)
        assert "host" in masked(text)


def test_a_parameter_that_is_named_like_a_secret_is_never_shown() -> None:
    text = masked("https://host/hook?access_token=c4nary&page=2 redis://host?password=c4nary")
    assert "c4nary" not in text
    assert "page=2" in text


def test_a_password_is_found_also_where_a_library_shows_it_alone() -> None:
    hide_passwords(["http://user:p%40ss-c4nary@host", "other:word-of-9999@host:1", "no address", "mail@example.com"])
    assert "c4nary" not in masked("Port could not be cast to integer value as 'p@ss-c4nary' or p%40ss-c4nary")
    assert masked("a word-of-9999 here") == "a *** here"
    assert masked("no address, mail to mail@example.com") == "no address, mail to mail@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8123 does not answer",
        "Reports <reports@example.com>",
        "12:30 to someone@example.com",
        "https://host/path?page=2&sort=name",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("http://user:pass@host", True),
        ("user:pass@host:9092", True),
        ("a:9092,user@b:9092", True),
        ("http://user:pa/ss@host", True),
        ("http://host:8123", False),
        ("a:9092, b:9092", False),
        ("https://host/@someone", False),
        ("", False),
    ],
)
def test_an_address_with_a_user_or_a_password_is_told(address: str, has: bool) -> None:
    assert has_credentials(address) is has
