"""Text of a document that a command writes, between two marks."""

from __future__ import annotations

from pathlib import Path


def between(document: Path, command: str, text: str) -> None:
    """Replace what stands between the marks of a command, in its document."""
    begin, end = f"<!-- {command}: begin -->\n", f"<!-- {command}: end -->\n"
    before, rest = document.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
