"""``romashka privacy``: erases customers and tenants, re-keys pseudonyms, shows retention."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID, uuid4

import typer
from clickhouse_connect.driver.client import Client

from api.keys import KeySigner, read_keys, save
from cli.arguments import tenant_id
from cli.command_audit import audited
from cli.console import out, table
from cli.settings import Settings, settings
from jobs.privacy import rekey as rekey_rows
from models.counting import counted
from models.errors import RomashkaError
from reports.kept_files import UNSEARCHABLE, Searched, report_files, search
from storage.connection import connect
from storage.dead_letter_store import DeadLetterStore
from storage.payload_cipher import PayloadCipher
from storage.privacy import Erasure, PrivacyStore
from storage.retention import retention as retention_of
from streams.kafka import topic_retention
from streams.pseudonyms import Pseudonymiser

app = typer.Typer(help="Personal data: erasure, key rotation, retention.", no_args_is_help=True)
_ANSWER_SECONDS: Final = 3_600
# Retention assumed where Kafka does not report it: the longest of our topics.
_USUAL_RETENTION: Final = timedelta(days=14)


class ErasureStep(NamedTuple):
    """One line of the record of an erasure: store, action, number of rows."""

    place: str
    what: str
    rows: int | str = ""


@app.command()
def erase(
    tenant: Annotated[str, typer.Option(help="Tenant (its user_id)")],
    customer: Annotated[str, typer.Option(help="Customer id as producers send it; the whole tenant if not given")] = "",
    exports: Annotated[
        Path | None,
        typer.Option(
            help="Folder of exported files; those with the customer or tenant are deleted",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation")] = False,
) -> None:
    """Erase a customer, or a whole tenant; print what cannot be erased and when it expires.

    Of a customer the counts stay and the identity goes: a random value takes the pseudonym's place, so every figure
    remains what it was. Of a tenant every row goes, and figures of all tenants together no longer hold it. The audit
    log has a signed record.

    Example: `romashka privacy erase --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --customer anna@example.com`
    """
    config = settings()
    user_id = tenant_id("--tenant", tenant)
    what = f"customer of tenant {user_id}" if customer else f"tenant {user_id} with everything of it"
    if not yes:
        typer.confirm(f"Erase the {what}? This cannot be undone", abort=True)
    now = datetime.now(UTC)
    kept = topic_retention(config.kafka)
    erasure = _erasure(config, user_id, customer, now, max([_USUAL_RETENTION, *kept.values()]))
    with connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client:
        details: dict[str, Any] = {"erasure": str(erasure.id), "whole_tenant": erasure.whole_tenant}
        with audited(client, "privacy.erase", str(user_id), details):
            done, left = _erase(config, client, erasure, customer, exports)
            details["erased"] = {one.place: one.rows for one in done}
            details["files_left"] = len(left)
    done += [
        ErasureStep(f"Kafka {name}", f"cannot be erased; expires by {now + age:%Y-%m-%d %H:%M} UTC")
        for name, age in kept.items()
    ]
    done.append(ErasureStep("audit log", "kept: it names tenants and no customers"))
    out.print(table(f"Erasure {erasure.id}", ("place", "what was done", "rows"), done, right=("rows",)))
    out.print(
        "Not known to this program: reports that were mailed, files exported elsewhere, backups of the database.",
        "Counts, sums and returns remain what they were; nothing leads to the customer any more."
        if customer
        else "Figures of all tenants together no longer hold this tenant, in the past neither.",
        f"Until {erasure.expires_at:%Y-%m-%d} the leader erases again what a restarted worker reads again from Kafka.",
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )
    if left:
        raise RomashkaError(
            f"{counted(len(left), 'file')} could not be searched or deleted, and may hold what was to be erased: "
            f"{', '.join(map(str, left))}. Delete them, or run the command again as a user who may"
        )


@app.command("rekey")
def rekey() -> None:
    """Re-key stored pseudonyms of old keys (ROMASHKA_PSEUDONYM_OLD_KEYS), as the leader does every hour.

    Example: `romashka privacy rekey`
    """
    config = settings()
    details = {"old_keys": [key_id for key_id, _ in config.old_keys]}
    with (
        connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client,
        audited(client, "privacy.rekey", config.pseudonym_key_id, details),
    ):
        count = rekey_rows(client, pseudonymiser(config))
    out.print(f"{counted(count, 'pseudonym')} now under key {config.pseudonym_key_id}", highlight=False)


@app.command("retention")
def retention() -> None:
    """Show the retention of each table in days; ROMASHKA_RETENTION_DAYS and 'romashka migrate' change it.

    Example: `romashka privacy retention`
    """
    with connect(settings().clickhouse) as client:
        rows = sorted(retention_of(client).items())
    out.print(table("Retention", ("table", "days"), rows, right=("days",)))


def pseudonymiser(config: Settings) -> Pseudonymiser:
    """Return the pseudonymiser for the settings."""
    return Pseudonymiser(config.secret, config.pseudonym_key_id, old_keys=config.old_keys)


def _erasure(config: Settings, user_id: UUID, customer: str, now: datetime, kept: timedelta) -> Erasure:
    names = pseudonymiser(config).under_every_key(user_id.bytes, customer) if customer else []
    return Erasure(
        uuid4(), user_id, not customer, names, f"erased.{token_hex(16)}", now, now + kept + timedelta(days=1)
    )


def _erase(
    config: Settings, client: Client, erasure: Erasure, customer: str, exports: Path | None
) -> tuple[list[ErasureStep], list[Path]]:
    """Erase; return what was done, and the files of which it is not known whether they hold what was to be erased."""
    store = PrivacyStore(client)
    store.remember(erasure)  # first, so that an interrupted erasure is continued
    files = report_files(client, erasure.user_id)
    letters = DeadLetterStore(client, PayloadCipher(config.secret, [secret for _, secret in config.old_keys]))
    found, closed = letters.matching(_Names(str(erasure.user_id), customer).stand_in)
    letters.delete(found)
    done = [ErasureStep("table dead_letters", "deleted", len(found))]
    if closed:
        done.append(ErasureStep("table dead_letters", "do not open with the keys that are set, kept", closed))
    words = erasure.pseudonyms if customer else [str(erasure.user_id)]
    searched = [one for one in exports.rglob("*") if one.is_file()] if exports is not None else []
    exported = search(searched, words)
    reported = search(files, words) if customer else Searched(files, [])
    deleted, kept = _deleted([*reported.naming, *exported.naming])
    done.append(ErasureStep("files of reports and exports", "deleted", deleted))
    drawn = [one for one in files if one.suffix in UNSEARCHABLE and one.exists()]
    if drawn:
        done.append(ErasureStep("reports in PDF", "kept: reports name no customers", len(drawn)))
    if erasure.whole_tenant:
        done.append(ErasureStep("API keys", "revoked", _revoke_keys(config, client, erasure)))
    action = "deleted" if erasure.whole_tenant else "made anonymous, or deleted where about the person alone"
    done += [ErasureStep(f"table {name}", action, rows) for name, rows in store.erase(erasure).items()]
    return done, list(dict.fromkeys([*kept, *reported.unreadable, *exported.unreadable]))


def _revoke_keys(config: Settings, client: Client, erasure: Erasure) -> int:
    """Revoke the tenant's keys: events that a producer still sends would be rows of an erased tenant."""
    signer = KeySigner(config.secret)
    rows = read_keys(client, signer)
    keys = [key for key in rows.keys + rows.unsigned if key.tenant == erasure.user_id and key.revoked_at is None]
    for key in keys:
        save(client, key._replace(revoked_at=erasure.erased_at), signer)
    return len(keys)


def _deleted(files: Sequence[Path]) -> tuple[int, list[Path]]:
    """Delete files; return how many, and those that this user may not delete."""
    deleted, kept = 0, []
    for file in files:
        try:
            file.unlink()
        except FileNotFoundError:  # under another name: a report within the folder of exports
            continue
        except OSError:
            kept.append(file)
        else:
            deleted += 1
    return deleted, kept


class _Names(NamedTuple):
    """Search criteria for dead letters."""

    tenant: str
    customer: str

    def stand_in(self, key: bytes, raw: bytes) -> bool:
        """Whether a message is of the tenant, or contains the customer."""
        if not self.customer:
            return self.tenant.encode() == key.lower() or self.tenant.encode() in raw.lower()
        wanted = unicodedata.normalize("NFKC", self.customer).strip().casefold()
        return any(wanted in unicodedata.normalize("NFKC", text).casefold() for text in _readings(raw))


def _readings(raw: bytes) -> list[str]:
    """Return a message as text, raw and unescaped."""
    text = raw.decode("utf-8", "replace")
    return [text, text.encode("ascii", "backslashreplace").decode("unicode_escape", "replace")]
