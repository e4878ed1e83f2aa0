"""``romashka audit``: lists and verifies the audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

from cli.arguments import After, DaysBack, after, say_next
from cli.console import err, out, styled, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.settings import settings
from models.counting import agreeing, counted
from models.errors import RomashkaError, Unreachable
from models.pages import Listing
from storage.audit import NEWEST, audit_key, newest, stored_rows, verify
from storage.audit_heads import HeadsFile
from storage.connection import connect

app = typer.Typer(help="The audit log: list and verify it.", no_args_is_help=True)
_SHOWN: Final = 20


@app.command("verify")
def verify_(
    heads: Annotated[
        Path | None, typer.Option(help="Published heads of the chains; ROMASHKA_AUDIT_HEADS_FILE if not given")
    ] = None,
) -> None:
    """Check that no row was changed, removed, added or moved, and that every published end of a chain is still there.

    Fails where one was, and where the log is empty. Prints the end of each chain.

    Example: `romashka audit verify --heads /mnt/elsewhere/audit-heads.jsonl`
    """
    key = audit_key(settings().secret)
    published = HeadsFile(heads or settings().audit_heads).heads()
    with connect(settings().clickhouse, answer_seconds=600) as client:
        try:
            verdict = verify(stored_rows(client), key, published)
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse does not answer: {' '.join(str(error).split())[:300]}") from error
    for fault in verdict.faults[:_SHOWN]:
        out.print(styled("[bold red]✘[/] chain {}, row {}: {}", fault.writer, fault.sequence, fault.what))
    if verdict.faults:
        raise RomashkaError(
            f"{counted(len(verdict.faults), 'place')} of the audit log "
            f"{agreeing(len(verdict.faults), 'is not as it was', 'are not as they were')} written; keep a copy of the "
            "table as it is, and find out who can write to the database"
        )
    if verdict.rows == 0:
        raise RomashkaError("the audit log is empty: nothing was ever done here, or somebody emptied it")
    if not published:
        words = "no ends of chains were published: set ROMASHKA_AUDIT_HEADS_FILE, or rows cut off the newest go unseen"
        err.print(words, style="yellow", highlight=False, soft_wrap=True)
    rows = [(head.writer, head.sequence, head.hash[:16]) for head in verdict.heads.values()]
    out.print(table("Chains", ("writer", "rows", "hash"), rows, right=("rows",)))
    counts = counted(verdict.rows, "row"), counted(len(rows), "chain")
    as_written = agreeing(verdict.rows, "is as it was", "are as they were")
    out.print(styled("[bold green]✔[/] {} in {} {} written", *counts, as_written))


@app.command("list")
def list_(
    days: DaysBack = 1,
    actor: Annotated[str, typer.Option(help="Prefix of the identity, for example key: or oidc:anna")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of rows")] = 100,
    after_: After = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """List the entries, newest first.

    Example: `romashka audit list --actor key:k3v7qpa2mzbd --days 7`
    """
    since = datetime.now(UTC) - timedelta(days=days)
    found = after(after_, Listing.AUDIT, datetime, int, str)
    last = (found[0], found[1], found[2]) if found else NEWEST
    with connect(settings().clickhouse) as client:
        rows, more = newest(client, since, actor, limit, last)
    say_next(more)
    if format_ is not OutputFormat.TABLE:
        print_rows([{**row._asdict(), "details": _details(row.details)} for row in rows], format_)
        return
    cells = [(f"{row.happened_at:%Y-%m-%d %H:%M:%S}", row.actor, row.action, row.outcome, row.object) for row in rows]
    out.print(table("Audit log", ("when (UTC)", "who", "did", "ended", "what"), cells))


def _details(text: str) -> object:
    """Return a row's details; the raw text where it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
