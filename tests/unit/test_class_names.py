"""A public class name has one meaning in the project."""

from __future__ import annotations

from tools.class_names import duplicates


def test_no_two_modules_define_a_public_class_of_one_name() -> None:
    assert duplicates() == {}
