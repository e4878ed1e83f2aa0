"""No text counts "1 findings": a count and its noun are written by ``counted``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    *("models", "streams", "detectors", "sinks", "kpis", "dashboards", "reports", "api", "collector", "simulator"),
    *("embedded", "cli"),
)
PAGES: Final = ("reports/render/report.html", "reports/render/report.typ", "dashboards/preview/page.html")
# Words in -s that follow a name or an amount and are not what is counted.
_NO_NOUNS: Final = """is was has does as this us less plus minus ms s its across unless always times
    answers begins burns contains defines denies ends fails finds gets gives grows holds lacks lists means needs refuses
    reports says serves shows signs speaks takes uses keeps sends stores reads writes makes comes goes wants asks
    expects allows requires exists stays stops starts refers belongs becomes falls knows"""
NO_NOUNS: Final = frozenset(_NO_NOUNS.split())
ADJECTIVES: Final = frozenset({"anomalous", "previous", "various"})
# What follows these is about something else.
_ENDS: Final = "a an and are at but by for from in into is of on or than that the to was were with"
ENDS: Final = frozenset(_ENDS.split())
AGREEING: Final = frozenset({"are", "were", "have"})
_PLACE: Final = re.compile(r"\{[^{}]*\}")
_WORD: Final = re.compile(r" ([a-z]+)(?=[ .,;:)!?'<]|$)")


def counted_noun(text: str) -> str | None:
    """Return the plural that a text goes on with after a value; ``None`` where it goes on with something else."""
    at = 0
    for _ in range(3):
        found = _WORD.match(text, at)
        if found is None:
            return None
        word = found[1]
        if word in ENDS or word in NO_NOUNS:
            return None
        if word.endswith("s") and not word.endswith("ss") and word not in ADJECTIVES:
            return word
        at = found.end()
    return None


def counts(value: ast.expr) -> bool:
    """Whether a value is how many there are of something."""
    called = {one.func.id for one in ast.walk(value) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    return bool(called & {"len", "sum"}) and not fixed(value)


def fixed(value: ast.expr) -> bool:
    """Whether a value is one of the program's own constants, or was counted already."""
    names = [one for one in ast.walk(value) if isinstance(one, ast.Name)]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"counted", "_counted"}:
        return True
    called = {"len", "round", "int", "str", "max", "min"}
    owners = [one.id.lstrip("_") for one in names if one.id not in called]
    attribute = value.attr if isinstance(value, ast.Attribute) else ""
    return attribute.isupper() or (bool(owners) and all(owner.isupper() for owner in owners))


def faults(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and plural of each text that counts something with a plural of its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for value, rest in zip(node.values, node.values[1:], strict=False):
                if not isinstance(value, ast.FormattedValue) or not isinstance(rest, ast.Constant):
                    continue
                word = None if fixed(value.value) else counted_noun(str(rest.value))
                if first := _WORD.match(str(rest.value)):
                    word = first[1] if first[1] in AGREEING and counts(value.value) else word
                if word:
                    yield node.lineno, word
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for place in _PLACE.finditer(node.value):
                if word := counted_noun(node.value[place.end() :]):
                    yield node.lineno, word


@pytest.mark.parametrize("package", PACKAGES)
def test_counts_and_their_nouns_agree(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} counts {word!r}: use models.counting"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, word in faults(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_pages_write_no_plural_after_a_place(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not [word for place in _PLACE.finditer(text) if (word := counted_noun(text[place.end() :]))]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ('f"{len(rows)} findings"', "findings"),
        ('f"{n:,} anomalous rows; written"', "rows"),
        ('f"{left} messages were not acknowledged"', "messages"),
        ('f"{n} of {total} events"', "events"),
        ('f"{len(sent)} were sent"', "were"),
        ('f"{names} were sent"', None),
        ('f"<p>{len(rows)} more rows</p>"', "rows"),
        ('styled("{} more rows, {} MiB", a, b)', "rows"),
        ('f"{MOST} rows"', None),
        ("f\"{counted(n, 'row')} are left\"", None),
        ('f"{name} is not known"', None),
        ('f"{url} has no such address"', None),
        ('f"{seconds:.1f} s"', None),
    ],
)
def test_the_search_sees_counts_and_nothing_else(source: str, word: str | None) -> None:
    assert [found for _, found in faults(source)] == ([word] if word else [])
