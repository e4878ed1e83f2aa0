"""Scale of the fault tests: a few seconds of a fault in the suite, its full length in ``make test-faults``."""

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
    """Return ``full`` in a run at full length, otherwise ``short``."""
    return full if FULL else short
