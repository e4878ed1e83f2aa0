"""SQL templates: files ``*.sql`` beside the code that uses them, with a name for each statement.

A statement begins after a line ``-- name: <name>`` and may have comments. ``$word`` is replaced by a fragment of SQL of
this program's own. Values are never put in: they are ClickHouse's parameters, ``{word:Type}``.
"""

from __future__ import annotations

import re
from importlib import resources
from string import Template
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Templates:
    """The statements of one file.

    Parameters
    ----------
    package
        The package the file lies in, for example ``kpis.rollups``.
    file
        Its name.
    """

    def __init__(self, package: str, file: str) -> None:
        text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
        _, *parts = _NAME.split(text)
        self._statements = {
            name: Template(_on_one_line(body)) for name, body in zip(parts[::2], parts[1::2], strict=True)
        }

    def render(self, name: str, **fragments: str) -> str:
        """Return a statement with its fragments; raises ``KeyError`` for a statement or a fragment that is missing."""
        return self._statements[name].substitute(fragments)


def _on_one_line(text: str) -> str:
    # A statement may hold a template a dozen times, and ClickHouse takes 256 kB.
    return " ".join(" ".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).split())
