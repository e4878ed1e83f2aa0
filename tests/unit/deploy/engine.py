"""The real engine with a users.xml of our own, in a process of its own: the embedded server has no users, this has one.

    python -P -m tests.unit.deploy.engine DIRECTORY CONFIG < statements.json

Runs each statement as the user ``default`` and prints, as JSON, for each its rows or ``{"code": ...}``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast
from xml.sax.saxutils import escape

from chdb.state import connect

from storage.access import LIMITS, SKIPPED_PASSES

_CONFIG: Final = """<clickhouse>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
</clickhouse>"""
_USERS: Final = """<clickhouse>
  <profiles><default>{settings}</default></profiles>
  <quotas><default/></quotas>
  <users><default>
    <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants>{grants}</grants>
    <databases>{filters}</databases>
  </default></users>
</clickhouse>"""


def restricted(
    folder: Path, grants: Sequence[str], filters: Mapping[str, str], database: str, *, limited: bool = True
) -> Path:
    """Write the configuration of a reader: its limits, what is granted and which rows of a table it sees.

    Without ``limited`` it may write, too. That a limit may be changed within bounds is left out: the engine takes it
    only from a server's configuration.
    """
    values = {limit.name: limit.value for limit in LIMITS if limited} | dict.fromkeys(SKIPPED_PASSES, 0)
    settings = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    tables = "".join(f"<{table}><filter>{escape(sql)}</filter></{table}>" for table, sql in filters.items())
    users = folder / "users.xml"
    users.write_text(
        _USERS.format(
            settings=settings,
            grants="".join(f"<query>{escape(grant)}</query>" for grant in grants),
            filters=f"<{database}>{tables}</{database}>",
        )
    )
    config = folder / "config.xml"
    config.write_text(_CONFIG.format(users=users))
    return config


def run(data: Path, statements: Sequence[str], *, config: Path | None = None) -> list[Any]:
    """Return what each statement gave: its rows as dictionaries, or ``{"code": number}``."""
    command = [sys.executable, "-P", "-m", "tests.unit.deploy.engine", str(data), str(config or "")]
    done = subprocess.run(
        command, input=json.dumps(list(statements)), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _answer(connection: Any, statement: str) -> Any:
    try:
        rows = str(connection.query(statement, "JSONEachRow"))
    except RuntimeError as error:
        code = re.search(r"Code: (\d+)", str(error))
        return {"code": int(code[1]) if code else 0, "message": str(error)[:300]}
    return [json.loads(row) for row in rows.splitlines()]


if __name__ == "__main__":
    options = f"?config-file={sys.argv[2]}" if sys.argv[2] else ""
    engine: Any = cast("Any", connect)(sys.argv[1] + options)
    print(json.dumps([_answer(engine, statement) for statement in json.load(sys.stdin)]))  # noqa: T201 - its answer
