"""What the pages took, as a table that can go into docs."""

from __future__ import annotations

from pathlib import Path

from tests.grafana.browser import Visit


class Figures:
    """Notes visits and writes ``figures.md`` beside the pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: list[str] = []

    def note(self, tab: str, tenant: str, first: Visit, whole: Visit) -> None:
        """Keep what the first view took, and what the rest of the page added."""
        name, seconds = first.slowest
        self._lines.append(
            f"| {tab} | {tenant} | {first.statements} | {first.took:.2f} s | {name}: {seconds * 1000:.0f} ms "
            f"| {whole.statements} | {whole.took:.2f} s |"
        )

    def write(self) -> None:
        """Write the table, if anything was noted."""
        if self._lines:
            self.folder.mkdir(parents=True, exist_ok=True)
            head = (
                "| tab | tenant | statements | first view | slowest panel | statements below | below |\n"
                "|---|---|---|---|---|---|---|\n"
            )
            (self.folder / "figures.md").write_text(head + "\n".join(self._lines) + "\n")
