"""The exception tree is the one its docstring draws."""

from __future__ import annotations

import inspect

import pytest

from models import errors
from models.errors import EventRejected, RomashkaError

_CLASSES = [member for _, member in inspect.getmembers(errors, inspect.isclass) if member.__module__ == errors.__name__]


@pytest.mark.parametrize("error", _CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_ours_documented_and_in_the_tree(error: type[Exception]) -> None:
    assert issubclass(error, RomashkaError)
    assert error.__doc__
    (line,) = [
        line for line in str(errors.__doc__).splitlines() if line.lstrip("│├└─ ").split(" ")[0] == error.__name__
    ]
    depth = error.__mro__.index(RomashkaError)
    assert len(line) - len(line.lstrip("│├└─ ")) == 4 * depth


def test_a_rejection_reads_as_its_detail() -> None:
    rejection = EventRejected("validate", "out_of_range", "error_rate: expected 0 to 1")
    assert (rejection.stage, rejection.reason, str(rejection)) == (
        "validate",
        "out_of_range",
        "error_rate: expected 0 to 1",
    )
