"""Every setting, read once from the environment (prefix ``ROMASHKA_``) or a ``.env`` file. See ``.env.example``."""

from __future__ import annotations

import base64
import binascii
import os
import re
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings
from pydantic_settings.exceptions import SettingsError as SettingsSourceError

from cli.console import err
from cli.setting_fields import SettingFields
from cli.setting_values import entries
from models.errors import ConfigurationError, SettingsError
from models.masking import hide_passwords
from models.sync_status import Vocabulary
from reports.mail import MailServer
from storage.connection import ClickHouseAddress
from storage.topology import Topology

if TYPE_CHECKING:  # deferred: few commands need Kafka's libraries
    from streams.delivery import Limits
    from streams.job import JobLimits
    from streams.kafka import GroupTiming, KafkaAddress

_MIN_KEY_BYTES = 16
# Of the letters of two names, how many are the same in order: a letter or two left out, doubled or swapped.
_NEARLY = 0.94

Read = TypeVar("Read", bound=BaseSettings)


class Settings(SettingFields):
    """The settings, frozen; a wrong one is a ``SettingsError`` that names it."""

    @property
    def kafka(self) -> KafkaAddress:
        """Kafka's address."""
        from streams.kafka import KafkaAddress  # noqa: PLC0415 - Kafka's client, of which most commands need nothing

        return KafkaAddress(
            bootstrap=self.kafka_bootstrap,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            user=self.kafka_user,
            password=self.kafka_password.get_secret_value(),
            ca_file=self.kafka_ca_file,
            certificate_file=self.kafka_certificate_file,
            key_file=self.kafka_key_file,
            key_password=self.kafka_key_password.get_secret_value(),
        )

    @property
    def clickhouse(self) -> ClickHouseAddress:
        """ClickHouse's address."""
        return ClickHouseAddress(
            url=self.clickhouse_url,
            database=self.clickhouse_database,
            user=self.clickhouse_user,
            password=self.clickhouse_password.get_secret_value(),
            topology=self.topology,
        )

    @property
    def topology(self) -> Topology | None:
        """How tables lie on several servers; ``None``: one server."""
        if self.clickhouse_cloud and self.clickhouse_cluster:
            raise SettingsError(
                "ROMASHKA_CLICKHOUSE_CLUSTER is set; ClickHouse Cloud has one shard, leave it empty there"
            )
        if not self.clickhouse_cloud and not self.clickhouse_cluster:
            return None
        return Topology(self.clickhouse_cluster, self.clickhouse_insert_quorum)

    @property
    def secret(self) -> bytes:
        """The bytes of ``ROMASHKA_PSEUDONYM_KEY``."""
        return _secret(self.pseudonym_key, "ROMASHKA_PSEUDONYM_KEY")

    @property
    def old_keys(self) -> tuple[tuple[str, bytes], ...]:
        """Ids and secrets of ``ROMASHKA_PSEUDONYM_OLD_KEYS``, oldest first."""
        if self.pseudonym_key_id in self.pseudonym_old_keys:
            raise ConfigurationError(
                f"ROMASHKA_PSEUDONYM_OLD_KEYS names '{self.pseudonym_key_id}', the id of the key in use; give the new "
                "key another id"
            )
        return tuple(
            (key_id, _secret(value, f"ROMASHKA_PSEUDONYM_OLD_KEYS ({key_id})"))
            for key_id, value in self.pseudonym_old_keys.items()
        )

    @property
    def keys(self) -> tuple[tuple[str, bytes], ...]:
        """Ids and secrets of every key, the one in use last."""
        return (*self.old_keys, (self.pseudonym_key_id, self.secret))

    @property
    def webhook_exceptions(self) -> tuple[str, ...]:
        """Private hosts and networks that reports may be sent to."""
        return entries(self.webhook_private_hosts)

    @property
    def finding_recipients(self) -> tuple[str, ...]:
        """Recipients of messages about findings."""
        return entries(self.findings_to)

    @property
    def audit_heads(self) -> Path | None:
        """The file for heads of the audit log's chains; ``None`` where none is set."""
        return Path(self.audit_heads_file) if self.audit_heads_file else None

    @property
    def mail(self) -> MailServer | None:
        """The mail server; ``None`` where none is set."""
        if not self.smtp_host:
            return None
        if not self.smtp_from:
            raise SettingsError(
                "ROMASHKA_SMTP_HOST is set, and ROMASHKA_SMTP_FROM is not; set the address that reports are from, such "
                "as Reports <reports@example.com>"
            )
        password = self.smtp_password.get_secret_value()
        return MailServer(self.smtp_host, self.smtp_port, self.smtp_from, self.smtp_user, password, self.smtp_security)

    @property
    def vocabulary(self) -> Vocabulary:
        """Mapping of connectors' status and error words."""
        try:
            return Vocabulary(self.sync_words, self.error_words)
        except ValueError as error:
            raise SettingsError(f"ROMASHKA_SYNC_WORDS, ROMASHKA_ERROR_WORDS: {error}") from None

    @property
    def timing(self) -> GroupTiming:
        """Timing of the consumer group."""
        from streams.kafka import GroupTiming  # noqa: PLC0415 - Kafka's client, of which most commands need nothing

        session = self.kafka_session_seconds
        return GroupTiming(session, rebalance=session, heartbeat=session / 6, instance_id=self.kafka_instance_id)

    @property
    def limits(self) -> Limits:
        """Limits of pending rows."""
        from streams.delivery import Limits  # noqa: PLC0415 - Arrow, of which most commands need nothing

        return Limits(self.flush_rows, self.flush_seconds, self.max_pending_rows)

    @property
    def job_limits(self) -> JobLimits:
        """Limits of one run of a job."""
        from streams.job import JobLimits  # noqa: PLC0415 - ClickHouse's client, of which some commands need nothing

        return JobLimits(self.job_memory_megabytes * 1_048_576, self.job_seconds)


def _secret(value: SecretStr, name: str) -> bytes:
    try:
        secret = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error as error:
        raise SettingsError(f"{name} is not base64; make one with: openssl rand -base64 32") from error
    if len(secret) < _MIN_KEY_BYTES:
        raise SettingsError(f"{name} is missing or shorter than 16 bytes; make one with: openssl rand -base64 32")
    return secret


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings.

    Raises
    ------
    SettingsError
        A setting is invalid; names it and what was expected.
    """
    found = loaded(Settings)
    for given, meant in misspelled():
        err.print(f"{given} is no setting and has no effect; did you mean {meant}?", style="yellow", soft_wrap=True)
    return found


def loaded(kind: type[Read]) -> Read:
    """Return settings of a kind, and hide the passwords in addresses from then on; raises as ``settings`` does."""
    try:
        hide_passwords(_given())
        for name, value in os.environ.items():
            if name.upper().startswith("ROMASHKA_"):
                _check_text(name, value)
        return kind()
    except ValidationError as error:
        raise SettingsError(_unusable(error.errors(include_url=False, include_input=False)[0])) from None
    except SettingsSourceError as error:
        field = re.search('field "([a-z_0-9]+)"', str(error))
        name = f"ROMASHKA_{field[1].upper()}" if field else "a setting"
        raise SettingsError(f"{name} is not usable: expected JSON (see .env.example)") from None
    except UnicodeDecodeError:
        raise SettingsError(".env is not text in UTF-8; save it again in that encoding") from None


def _unusable(error: ErrorDetails) -> str:
    name, *keys = map(str, error["loc"])
    of_keys = f" ({keys[0]})" if keys else ""
    expected = {"bool_parsing": "true or false"}.get(error["type"], error["msg"])
    expected = expected.removeprefix("Input should be ").removeprefix("Value error, ")
    return f"ROMASHKA_{name.upper()}{of_keys} is not usable: expected {expected} (see .env.example)"


def _check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{name} is not usable: expected text in UTF-8") from None


def misspelled() -> list[tuple[str, str]]:
    """Return each variable that is nearly a setting's name, with that name: it has no effect."""
    known = {f"ROMASHKA_{name.upper()}" for name in Settings.model_fields}
    given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    # A recipient's variable may have any name of this kind.
    unknown = sorted(
        name for name in given - known if name.startswith("ROMASHKA_") and not name.startswith("ROMASHKA_TO_")
    )
    near = [(name, get_close_matches(name, known, 1, _NEARLY)) for name in unknown]
    return [(name, found[0]) for name, found in near if found]


def _given() -> list[str]:
    """Return every value of our settings in the environment and in ``.env``."""
    there = {**dotenv_values(".env"), **os.environ}
    return [value for name, value in there.items() if name.upper().startswith("ROMASHKA_") and value]
