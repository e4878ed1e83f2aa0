"""Where backups are kept, and what of a place is refused."""

from __future__ import annotations

import pytest

from models.errors import ConfigurationError, InvalidRequest
from storage.backups import backup_place


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("disk:backups", "Disk('backups', 'one')"),
        ("file:/var/backups/", "File('/var/backups/one')"),
        ("s3:https://s3.example.com/bucket", "S3('https://s3.example.com/bucket/one', 'key', 'it\\'s')"),
        ("file:/it's", "File('/it\\'s/one')"),
    ],
)
def test_a_place_becomes_an_expression_that_nothing_leaves(text: str, expression: str) -> None:
    assert backup_place(text, "key", "it's").expression("one") == expression


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backups",
        "ftp://somewhere",
        "disk:",
        "disk:a b",
        "disk:a') SETTINGS x = 1 --",
        "file:relative",
        "file:/a/../b",
        "file:/a\nb",
        "s3:http://s3.example.com/bucket",
        "s3:https://key:secret@s3.example.com/bucket",
        "s3:",
    ],
)
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="disk:NAME"):
        backup_place(text)


@pytest.mark.parametrize("name", ["", ".", "../one", "a/b", "o'ne", "a b", "-x", "x" * 101, "é"])
def test_names_that_not_every_place_takes_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no name of a backup"):
        backup_place("disk:backups").expression(name)
