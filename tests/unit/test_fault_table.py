"""docs/reliability.md says what the runs found, and no promise names a test that is not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.__main__ import outcomes
from tests.faults.promises import PROMISES
from tests.faults.report import Outcome, said, table, write_table

ROOT = Path(__file__).parents[2]
ONE = PROMISES[0]


@pytest.mark.parametrize("test", sorted({test for promise in PROMISES for test in promise.tests}))
def test_every_promise_names_tests_that_are_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "not run"),
        ([Outcome(failed=False, skipped=True, seconds=0, figures=[])], "not possible on this broker"),
        ([Outcome(failed=False, skipped=False, seconds=1, figures=[])], "held"),
        ([Outcome(failed=False, skipped=False, seconds=1, figures=["50 kills"])], "50 kills"),
        ([Outcome(failed=True, skipped=False, seconds=1, figures=["50 kills"])], "**failed**: `test_kills.py`"),
    ],
)
def test_a_figure_is_that_of_the_run_and_a_failure_is_said(outcomes: list[Outcome], expected: str) -> None:
    assert said(ONE._replace(tests=ONE.tests[:1]), {ONE.tests[0]: outcomes}) == expected
    if expected == "50 kills":
        assert said(ONE._replace(tests=(ONE.tests[0], "tests/x.py::y")), {ONE.tests[0]: outcomes}) == (
            "50 kills<br>not run: `x.py`"
        )


def test_the_table_replaces_what_is_between_the_marks(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(
        "before\n<!-- make test-faults: begin -->\nwhat was here\n<!-- make test-faults: end -->\nafter\n"
    )
    write_table(document, {"embedded": {}}, datetime(2026, 11, 29, tzinfo=UTC))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "what was here" not in text
    assert text.count("| not run |") == sum(bool(promise.tests) for promise in PROMISES)
    assert table({"embedded": {}}, datetime(2026, 11, 29, tzinfo=UTC)) in text


def test_a_later_report_says_what_became_of_its_tests(tmp_path: Path) -> None:
    case = '<testcase file="tests/faults/a.py" name="{}" time="1">{}</testcase>'
    figure = '<properties><property name="figure" value="5 kills" /></properties>'
    first, later = tmp_path / "faults-1.xml", tmp_path / "faults-2.xml"
    first.write_text(f"<s>{case.format('one[a]', '<failure/>')}{case.format('two', '<skipped/>')}</s>")
    later.write_text(f"<s>{case.format('one[a]', figure)}{case.format('one[b]', '')}</s>")
    found = outcomes([first, later])
    assert found["tests/faults/a.py::one"] == [
        Outcome(failed=False, skipped=False, seconds=1, figures=["5 kills"]),
        Outcome(failed=False, skipped=False, seconds=1, figures=[]),
    ]
    assert found["tests/faults/a.py::two"] == [Outcome(failed=False, skipped=True, seconds=1, figures=[])]
