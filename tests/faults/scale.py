"""How much of a fault a test takes: seconds of it in the suite, all of what is promised in ``make test-faults``."""

from __future__ import annotations

import os
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

FULL: Final = os.environ.get("ROMASHKA_TEST_FAULTS") == "full"
APACHE: Final = "ROMASHKA_TEST_KAFKA" in os.environ

only_in_full: Final = pytest.mark.skipif(not FULL, reason="takes minutes; `make test-faults` runs it")
only_on_apache_kafka: Final = pytest.mark.skipif(
    not APACHE, reason="the embedded broker cannot do this; `make test-kafka` and `make test-faults` run it"
)


def scaled(short: T, full: T) -> T:
    """Return what holds here."""
    return full if FULL else short
