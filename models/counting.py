"""Counts and their nouns, as people read them: ``1 finding``, ``2 findings``."""

from __future__ import annotations

from typing import Final

_SIBILANTS: Final = ("s", "x", "ch", "sh")
_VOWELS: Final = "aeiou"


def counted(number: float, noun: str, plural: str = "", *, shown: str = "") -> str:
    """Return a count and its noun.

    Parameters
    ----------
    number
        How many there are.
    noun
        What they are, for one of them; of several words the last one changes.
    plural
        The same for several, where the rules of English are not enough (``person``, ``people``).
    shown
        The number as text, where it is not written with all its digits: then ``1`` is what reads as one.
    """
    text = shown or f"{number:,}"
    return f"{text} {noun if text == '1' else plural or _plural(noun)}"


def agreeing(number: int, one: str, several: str) -> str:
    """Return the word that goes with a count: ``agreeing(len(rows), "is", "are")``."""
    return one if number == 1 else several


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_SIBILANTS) else f"{noun}s"
