"""The documentation names what is there: files, folders, headings, and the lines that the walks lead to."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from cli.command_table import COMMANDS
from kpis.custom.columns import SOURCES
from models.measures import QUERY_MEASURES

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    page.relative_to(ROOT)
    for page in chain(ROOT.glob("*.md"), *(ROOT.glob(f"{top}/**/*.md") for top in ("docs", "examples", "tracker")))
    if "node_modules" not in page.parts
)
TOPS: Final = {path.name for path in ROOT.iterdir() if path.is_dir()}
# Files that a reader of README makes.
MADE: Final = {"first_event.py", "any_client.py"}
_PATH: Final = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
_LINK: Final = re.compile(r"\]\(([^)\s#]*)(?:#([\w-]+))?\)")
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_WALK: Final = re.compile(r"`([\w/]+\.py)`:\s+`(\w+)`")


def text_of(page: Path) -> str:
    return _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


def is_there(name: str, page: Path) -> bool:
    """Return whether a name is a path from the root, from its page, or the end of a path below a top folder."""
    if (ROOT / name).exists() or (ROOT / page.parent / name).exists():
        return True
    if "/" not in name.rstrip("/"):
        return any(path.name == name for top in TOPS - {".venv", ".git"} for path in (ROOT / top).rglob(name))
    return any((ROOT / top / name).exists() for top in TOPS)


def anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(text_of(page))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = {found.rstrip("/") for found in _PATH.findall(text_of(page))}
    files = {name for name in named if re.search(r"\w\.(py|sql|md)$", name)}
    paths = files | {name for name in named if "/" in name and name.split("/")[0] in TOPS}
    assert sorted(name for name in paths - MADE if not is_there(name, page)) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    broken = []
    for target, anchor in _LINK.findall(text_of(page)):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        file = (ROOT / page.parent / target).resolve() if target else ROOT / page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file.relative_to(ROOT))):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_each_walk_of_a_newcomer_ends_at_a_name_that_its_file_defines() -> None:
    page = text_of(Path("docs/architecture.md"))
    section = page[page.index("## Where is the line that decides") : page.index("## What happens when")]
    walks = [walk for walk in section.split("\n- ")[1:] if walk]
    assert len(walks) == 3
    for walk in walks:
        found = _WALK.findall(walk)
        assert 1 <= len(found) < 3, walk
        for file, name in found:
            source = (ROOT / file).read_text(encoding="utf-8")
            defined = re.search(rf"^\s*(?:def |class )?{name}\b", source, re.MULTILINE)
            assert defined, f"{file} defines no {name}"


def row_of(page: str, first: str) -> set[str]:
    """Return the names in the row of a table that begins with a cell."""
    [row] = [line for line in text_of(Path(page)).splitlines() if line.startswith(f"| {first}")]
    return set(re.findall(r"`([\w.]+)`", row))


def test_the_page_of_custom_figures_lists_every_column_of_every_source() -> None:
    unlisted = {
        name: sorted(set(source.columns) - row_of("docs/custom-figures.md", f"`{name}` |"))
        for name, source in SOURCES.items()
    }
    assert unlisted == {name: [] for name in SOURCES}, "add these to the table of sources in docs/custom-figures.md"


def test_the_page_of_producers_lists_every_measure_that_a_span_may_carry() -> None:
    unlisted = set(QUERY_MEASURES) - row_of("docs/producers.md", "`data_freshness_hours`")
    assert unlisted == set(), "add these to the table of OpenTelemetry in docs/producers.md"


def links(page: str) -> set[str]:
    return {target for target, _ in _LINK.findall(text_of(Path(page)))}


def test_the_list_of_pages_has_every_page() -> None:
    pages = {page.name for page in PAGES if page.parent == Path("docs")} - {"README.md"}
    assert sorted(pages - links("docs/README.md")) == [], "add these to docs/README.md"


def test_the_list_of_decisions_has_every_decision_by_its_title() -> None:
    listed = text_of(Path("docs/adr/README.md"))
    rows = set(re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", listed, re.MULTILINE))
    headings = {page.name: _HEADING.findall(text_of(page))[0] for page in PAGES if page.parent == Path("docs/adr")}
    del headings["README.md"]
    decisions = {(str(int(name[:4])), heading.partition(". ")[2], name) for name, heading in headings.items()}
    assert rows == decisions


def test_the_readme_names_every_command() -> None:
    page = text_of(Path("README.md"))
    table = page[page.index("| command | does |") : page.index("| make | does |")]
    named = set(re.findall(r"`romashka ([\w-]+)", table))
    assert sorted(COMMANDS.keys() - named) == [], "add these to the table of commands in README.md"


def test_a_release_in_the_changelog_has_each_section_and_each_entry_once() -> None:
    releases = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1:]
    assert releases
    for release in releases:
        sections = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert sections == list(dict.fromkeys(sections))
        entries = re.split(r"\n(?=- |### )", release)
        assert [one for one in set(entries) if entries.count(one) > 1] == []
