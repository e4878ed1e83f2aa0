"""A public class name has one meaning in the project."""

from __future__ import annotations

from tools.class_names import duplicates

# An interval of a detector's series, and the step of a time series of figures.
KNOWN = {"Interval"}


def test_no_two_modules_define_a_public_class_of_one_name() -> None:
    assert {name: modules for name, modules in duplicates().items() if name not in KNOWN} == {}
