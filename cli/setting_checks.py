"""What 'romashka doctor' says of settings that are well formed each, and wrong beside others, files or the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cli.retention_needs import needed_days
from cli.setting_fields import SettingFields
from cli.settings import Settings
from dashboards.boards import boards
from kpis import registry
from kpis.custom.figure_file import figures
from kpis.custom.installed import installed_figures
from models.counting import counted
from models.errors import RomashkaError, SettingsError
from reports.schedule import LOCAL
from storage.backups import backup_place

_TLS_PORT: Final = 465


class Warned(Exception):
    """What works, but not as it should; says what to do."""


class Channels(NamedTuple):
    """Where findings and reports go, in words."""

    config: Settings
    variables: Mapping[str, str]

    def check(self) -> str:
        """Return what is set up; raises ``SettingsError`` where nothing could be sent, ``Warned`` where it may fail."""
        config = self.config
        self._check_mail_server()
        recipients = config.finding_recipients
        for place, one in enumerate(recipients, start=1):
            self._check_recipient(place, one)
        host = urlsplit(config.api_public_url).hostname or ""
        if recipients and host in LOCAL:
            raise Warned(
                f"links in messages to ROMASHKA_FINDINGS_TO lead to {config.api_public_url}, which only this machine "
                "can open; set ROMASHKA_API_PUBLIC_URL to the address of the API as recipients reach it"
            )
        mail = f"mail by {config.smtp_host}:{config.smtp_port}" if config.mail else "no mail server"
        return f"{mail}, findings are sent to {counted(len(recipients), 'recipient')}"

    def _check_mail_server(self) -> None:
        config = self.config
        if config.mail is None:
            given = [name for name in ("smtp_from", "smtp_user", "smtp_password") if _is_set(config, name)]
            if given:
                raise Warned(
                    f"{_variable(given[0])} is set, and ROMASHKA_SMTP_HOST is not: no mail is sent. Set it, or leave "
                    "both empty"
                )
            return
        _require_both(config, "smtp_user", "smtp_password")
        if (config.smtp_port == _TLS_PORT) != (config.smtp_security == "tls") and (
            config.smtp_port == _TLS_PORT or config.smtp_port in {25, 587}
        ):
            meant = "tls" if config.smtp_port == _TLS_PORT else "starttls"
            raise SettingsError(
                f"ROMASHKA_SMTP_SECURITY is {config.smtp_security}, and port {config.smtp_port} expects {meant}; set "
                f"it to {meant}, or correct ROMASHKA_SMTP_PORT (tls is mostly 465, starttls 587)"
            )
        if config.smtp_security == "none" and config.smtp_user:
            raise Warned(
                "ROMASHKA_SMTP_SECURITY is none: user and password of the mail server are sent unencrypted. Set it to "
                "starttls or tls"
            )

    def _check_recipient(self, place: int, recipient: str) -> None:
        scheme, _, rest = recipient.partition(":")
        if scheme.lower() == "env" and not self.variables.get(rest):
            raise SettingsError(
                f"ROMASHKA_FINDINGS_TO names env:{rest}, and {rest} is not set here; set it where the workers run, or "
                "take the recipient out"
            )
        if scheme.lower() == "mailto" and not self.config.smtp_host:
            raise SettingsError(
                f"recipient {place} of ROMASHKA_FINDINGS_TO is an e-mail address, and there is no mail server to send "
                "by; set ROMASHKA_SMTP_HOST and ROMASHKA_SMTP_FROM"
            )


def check_worker(config: Settings) -> str:
    """Return that a worker can use its settings; raises ``SettingsError`` or ``Warned``."""
    _ = config.vocabulary, config.timing, config.job_limits
    if config.flush_rows > config.max_pending_rows:
        raise SettingsError(
            f"ROMASHKA_FLUSH_ROWS is {config.flush_rows:,} and ROMASHKA_MAX_PENDING_ROWS {config.max_pending_rows:,}: "
            "reading stops before an insert begins. Set the second to twice the first or more"
        )
    _check_grafana(config)
    _check_kafka_security(config)
    # What the leader runs, built as it builds it.
    from cli.leader_jobs import every_job  # noqa: PLC0415 - takes seconds

    return f"settings can be used, {counted(len(every_job(config)), 'job')} of the leader"


def _check_grafana(config: Settings) -> None:
    if _is_set(config, "grafana_silence_token") and not config.grafana_url:
        raise SettingsError(
            "ROMASHKA_GRAFANA_SILENCE_TOKEN is set, and ROMASHKA_GRAFANA_URL is not: nothing is silenced. Set the "
            "Grafana that the token is of"
        )
    if config.grafana_live_url and not _is_set(config, "grafana_live_token"):
        raise SettingsError(
            "ROMASHKA_GRAFANA_LIVE_URL is set, and ROMASHKA_GRAFANA_LIVE_TOKEN is not: Grafana refuses live figures. "
            "Set a service account's token that may publish streams"
        )
    if _is_set(config, "grafana_live_token") and not (config.grafana_live_url or config.grafana_url):
        raise SettingsError(
            "ROMASHKA_GRAFANA_LIVE_TOKEN is set, and ROMASHKA_GRAFANA_LIVE_URL is not: no live figures are pushed. Set "
            "the Grafana that the token is of"
        )


def _check_kafka_security(config: Settings) -> None:
    protocol = config.kafka_security_protocol
    unused = [
        *(name for name in ("kafka_user", "kafka_password") if not protocol.startswith("SASL")),
        *(
            name
            for name in ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file", "kafka_key_password")
            if not protocol.endswith("SSL")
        ),
    ]
    if given := [_variable(name) for name in unused if _is_set(config, name)]:
        raise Warned(
            f"{given[0]} has no effect: ROMASHKA_KAFKA_SECURITY_PROTOCOL is {protocol}. Set the protocol that the "
            "brokers expect (docs/kafka-security.md), or leave it empty"
        )


def check_files(config: Settings) -> str:
    """Return that folders and files can be used; raises ``SettingsError`` with the setting and the reason."""
    check_heads_file(config.audit_heads)
    _check_writable_folder("ROMASHKA_REPORTS_DIR", config.reports_dir)
    for name in ("kpis_dir", "boards_dir"):
        folder: Path = getattr(config, name)
        is_default = folder == SettingFields.model_fields[name].default
        if not folder.is_dir() and (folder.exists() or not is_default):
            raise SettingsError(f"{_variable(name)}: there is no folder {folder}; create it, or correct the path")
    own = figures(config.kpis_dir)
    installed = installed_figures(own)
    registry.register(one.kpi for one in (*own.figures, *installed.figures))
    laid_out = boards(config.boards_dir)
    if errors := [*own.errors, *installed.errors, *laid_out.errors]:
        others = f", and {counted(len(errors) - 1, 'other')}" if errors[1:] else ""
        raise RomashkaError(
            f"{errors[0]}{others}. It is left out; correct it, then run 'romashka kpi check' or 'romashka boards check'"
        )
    ours = f"{counted(len(own.figures), 'figure')} and {counted(len(laid_out.tabs), 'board')} of your own"
    return f"folders can be used, {ours}"


def check_heads_file(path: Path | None) -> None:
    """Raise ``SettingsError`` where ends of the audit log's chains could not be appended to the file."""
    if path is None:
        return
    if path.is_dir():
        reason = "it is a folder; give the path of a file in it"
    elif path.exists():
        reason = "" if os.access(path, os.W_OK) else "this user may not write to it; give it the right"
    elif not path.parent.is_dir():
        reason = f"there is no folder {path.parent}; create it"
    else:
        reason = "" if os.access(path.parent, os.W_OK | os.X_OK) else f"this user may not write into {path.parent}"
    if reason:
        raise SettingsError(f"ROMASHKA_AUDIT_HEADS_FILE: {path} cannot be written: {reason}")


def _check_writable_folder(name: str, folder: Path) -> None:
    """Raise where a folder cannot be written, nor created in the nearest one that is there."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise SettingsError(f"{name}: {there} is a file; expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{name}: this user may not write into {there}; give it the right, or choose another folder"
        )


def check_backups(config: Settings) -> str:
    """Return where backups go; raises ``ConfigurationError`` where the destination is none."""
    if not config.backup_destination:
        if given := [name for name in ("backup_s3_key_id", "backup_s3_secret") if _is_set(config, name)]:
            raise Warned(f"{_variable(given[0])} is set, and ROMASHKA_BACKUP_DESTINATION is not: no backups are made")
        return "no destination is set"
    _require_both(config, "backup_s3_key_id", "backup_s3_secret")
    place = backup_place(config.backup_destination)
    if config.backup_s3_key_id and place.kind != "s3":
        raise Warned(
            f"ROMASHKA_BACKUP_S3_KEY_ID has no effect: ROMASHKA_BACKUP_DESTINATION begins with {place.kind}:, not s3:"
        )
    return f"'romashka backup' keeps them at {config.backup_destination}"


def check_retention(config: Settings, kept: Mapping[str, int]) -> str:
    """Return how tables keep their rows.

    Parameters
    ----------
    kept
        Table → days that it keeps its rows at present.

    Raises
    ------
    SettingsError
        A table is unknown or keeps its rows for less time than what reads it looks back; names it, the days that are
        needed, and what for.
    Warned
        A setting is not applied yet.
    """
    wanted = config.retention_days
    if not kept:
        raise Warned("this user of ClickHouse sees no table's retention; run it as the user of 'romashka migrate'")
    if unknown := sorted(wanted.keys() - kept.keys()):
        raise SettingsError(
            f"ROMASHKA_RETENTION_DAYS names {', '.join(unknown)}; expected some of {', '.join(sorted(kept))}, "
            "which this user sees"
        )
    for name, need in needed_days({**kept, **wanted}, tunes_thresholds=config.tune_thresholds).items():
        if (days := wanted.get(name, kept.get(name))) is not None and days < need.days:
            raise SettingsError(
                f"{name} keeps its rows for {counted(days, 'day')}, and {need.reason} {counted(need.days, 'day')}: set "
                f"it to {need.days} or more in ROMASHKA_RETENTION_DAYS, then run 'romashka migrate'"
            )
    if late := sorted(name for name, days in wanted.items() if kept[name] != days):
        raise Warned(f"ROMASHKA_RETENTION_DAYS is not applied to {', '.join(late)} yet; run 'romashka migrate'")
    return f"{counted(len(wanted), 'table')} of {len(kept)} with another retention than usual"


def _is_set(config: Settings, name: str) -> bool:
    value = getattr(config, name)
    return bool(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def _require_both(config: Settings, one: str, other: str) -> None:
    for given, lacking in ((one, other), (other, one)):
        if _is_set(config, given) and not _is_set(config, lacking):
            raise SettingsError(f"{_variable(given)} is set, and {_variable(lacking)} is not; set both, or neither")


def _variable(name: str) -> str:
    return f"ROMASHKA_{name.upper()}"
