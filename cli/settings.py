"""Every setting, read once from the environment (prefix ``ROMASHKA_``) or a ``.env`` file. See ``.env.example``."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SettingsSourceError

from cli.console import err
from models.errors import ConfigurationError, SettingsError
from models.masking import has_credentials, hide_passwords
from models.objectives import QUERY_OBJECTIVE
from models.sync_status import Vocabulary
from models.working_hours import DAYS, HOURS, TIME_ZONE, read_days, read_hours, read_time_zone
from reports.mail import MailServer, sender_address
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


def _without_credentials(address: str) -> str:
    if has_credentials(address):
        raise ValueError(
            "an address without a user name or a password in it; there are settings of their own for those"
        )
    return address


def _not_of_the_server(database: str) -> str:
    if database.lower() in {"system", "information_schema"}:
        raise ValueError("a database of our own; this one is ClickHouse's")
    return database


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Return the validator of a text that something reads, which keeps the text."""

    def checked(text: str) -> str:
        read(text)
        return text

    return checked


def _for_browsers(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an address such as https://romashka.example.com")
    return address


# Redis's alone has its password in the address, and is a secret as a whole.
Address = Annotated[str, AfterValidator(_without_credentials)]


class Settings(BaseSettings):
    """The settings, frozen; a wrong one is a ``SettingsError`` that names it."""

    model_config = SettingsConfigDict(env_prefix="ROMASHKA_", env_file=".env", extra="ignore", frozen=True)

    kafka_bootstrap: Address = Field(
        default="127.0.0.1:9092", description="host:port of Kafka, several separated by commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: str = Field(default="", description="CA certificates in PEM, where the system's do not do")
    kafka_certificate_file: str = Field(default="", description="our own certificate in PEM, for brokers that want one")
    kafka_key_file: str = Field(default="", description="its private key in PEM; empty: it is in the same file")
    kafka_key_password: SecretStr = SecretStr("")
    kafka_group: str = Field(default="romashka-integration-analytics", description="consumer group of the workers")
    kafka_replication: Annotated[int, Field(ge=1)] = 1
    kafka_session_seconds: Annotated[float, Field(ge=6)] = Field(
        default=10.0, description="after how long a silent worker is replaced; the embedded broker wants 6"
    )
    kafka_instance_id: str = Field(
        default="", description="name of this worker in its group, each its own: a quick restart moves no partition"
    )
    clickhouse_url: Address = "http://127.0.0.1:8123"
    clickhouse_database: Annotated[
        str,
        Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_-]+$"),
        AfterValidator(_not_of_the_server),
    ] = "integration_analytics"
    clickhouse_user: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    clickhouse_cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,63}$")] = Field(
        default="", description="cluster of ClickHouse's remote_servers that tables are sharded over; empty: one server"
    )
    clickhouse_source_password: SecretStr = Field(
        default=SecretStr(""), description="password on the server that 'romashka migrate --to-cluster' moves from"
    )
    clickhouse_insert_quorum: Annotated[str, Field(pattern=r"^(auto|[0-9])$")] = Field(
        default="auto", description="replicas that must have a row before an insert returns; auto: the majority"
    )
    clickhouse_cloud: bool = Field(default=False, description="whether it is ClickHouse Cloud (SharedMergeTree)")
    backup_destination: str = Field(
        default="", description="where backups are kept: disk:NAME, file:/FOLDER or s3:https://HOST/BUCKET/FOLDER"
    )
    backup_s3_key_id: str = Field(default="", description="access key of that bucket; empty: the server's own")
    backup_s3_secret: SecretStr = SecretStr("")
    pseudonym_key: SecretStr = Field(
        default=SecretStr(""),
        description="secret for pseudonyms and sealed dead letters: at least 16 random bytes in base64",
    )
    pseudonym_old_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="keys of before by their ids, as JSON, oldest first, while they are replaced"
    )
    screen_labels: bool = Field(
        default=True, description="whether e-mail addresses, phone and card numbers in labels are replaced"
    )
    retention_days: dict[str, Annotated[int, Field(ge=1, le=3_650)]] = Field(
        default_factory=dict, description="days that tables keep their rows where not the usual ones, as JSON"
    )
    pseudonym_key_id: Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")] = "k1"
    metrics_host: Address = Field(
        default="127.0.0.1", description="address that serves Prometheus; in a container its own, 0.0.0.0"
    )
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=9464, description="Prometheus; 0: any")
    log_format: Literal["text", "json"] = Field(default="text", description="text for people, json for collectors")
    otlp_endpoint: Address = Field(
        default="", description="OTLP endpoint that traces are sent to over HTTP; empty: no traces"
    )
    trace_share: Annotated[float, Field(ge=0, le=1)] = Field(default=1.0, description="share of traces that are sent")
    kpis_dir: Path = Field(
        default=Path("kpis.d"), description="folder of figures that the installation defines for itself"
    )
    boards_dir: Path = Field(
        default=Path("boards.d"), description="folder of dashboards that the installation lays out"
    )
    reports_dir: Path = Field(
        default=Path("reports-made"), description="folder of reports that schedules and the API make"
    )
    smtp_host: Address = Field(default="", description="mail server for reports; none are sent by e-mail without")
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str = Field(default="", description="who reports are from, for example Reports <reports@example.com>")
    webhook_private_hosts: Address = Field(
        default="", description="hosts, addresses and networks that are not public and may be sent reports; empty: none"
    )
    query_objective: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=QUERY_OBJECTIVE, description="share of queries that should be answered over 30 days"
    )
    working_time_zone: Annotated[str, AfterValidator(read_time_zone)] = Field(
        default=TIME_ZONE, description="time zone of the hours in which warnings are told, for example Asia/Riyadh"
    )
    working_days: Annotated[str, AfterValidator(_checked(read_days))] = Field(
        default=DAYS, description="days on which warnings are told, for example sunday:thursday"
    )
    working_hours: Annotated[str, AfterValidator(_checked(read_hours))] = Field(
        default=HOURS, description="hours of these days in which warnings are told"
    )
    grafana_live_url: Address = Field(default="", description="Grafana that live figures are pushed to; empty: none")
    grafana_url: Address = Field(
        default="", description="Grafana whose silences are kept; old name of ROMASHKA_GRAFANA_LIVE_URL"
    )
    grafana_live_token: SecretStr = SecretStr("")
    sync_words: dict[str, str] = Field(
        default_factory=dict,
        description="what a connector's words for the state of a sync mean, as JSON: healthy, running, degraded, "
        "failed or paused",
    )
    error_words: dict[str, str] = Field(
        default_factory=dict, description="what a connector's words for errors mean, as JSON: one of the error kinds"
    )
    flush_rows: Annotated[int, Field(ge=1)] = 100_000
    flush_seconds: Annotated[float, Field(gt=0)] = 1.0
    max_pending_rows: Annotated[int, Field(ge=1)] = 200_000
    new_tenants_per_hour: Annotated[int, Field(ge=0)] = Field(
        default=10_000, description="tenants that may be new within an hour, over all workers; 0: any number"
    )
    job_memory_megabytes: Annotated[int, Field(ge=128)] = Field(
        default=512, description="memory that one run of a periodic job may take; beyond it the run is ended"
    )
    job_seconds: Annotated[float, Field(gt=0)] = Field(
        default=1_800.0, description="time that one run of a periodic job may take; beyond it the run is ended"
    )
    findings_to: str = Field(
        default="", description="who is sent findings with a signed link, several separated by commas; empty: nobody"
    )
    link_days: Annotated[float, Field(gt=0, le=90)] = Field(
        default=7.0, description="days that a signed link in a message holds"
    )
    grafana_silence_token: SecretStr = Field(
        default=SecretStr(""), description="token of a service account of ROMASHKA_GRAFANA_URL that may edit silences"
    )
    tune_thresholds: bool = Field(
        default=False, description="whether detectors' thresholds follow the verdicts on their findings"
    )
    false_alarm_budget: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="false alarms per tenant and week that each detector may raise"
    )
    recall_floor: Annotated[float, Field(ge=0.5, le=1)] = Field(
        default=0.9, description="share of confirmed findings that a changed threshold must still find in replay"
    )
    audit_heads_file: str = Field(
        default="", description="file outside the database that ends of the audit log's chains are noted in"
    )
    api_host: Address = Field(
        default="127.0.0.1", description="address of the HTTP API; in a container its own, 0.0.0.0"
    )
    api_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8080, description="of the HTTP API; 0: any")
    api_public_url: Annotated[Address, AfterValidator(_for_browsers)] = Field(
        default="http://127.0.0.1:8080", description="address of the API as people reach it, for links to its pages"
    )
    api_schedules_per_tenant: Annotated[int, Field(ge=1)] = 50
    api_recipients_per_schedule: Annotated[int, Field(ge=1, le=50)] = 20
    api_schedule_minutes: Annotated[int, Field(ge=1)] = Field(
        default=15, description="least minutes between two firings of a schedule"
    )
    api_mail_domains: str = Field(default="", description="domains that schedules may send mail to; empty: any")
    api_trusted_proxies: Address = Field(
        default="", description="addresses or networks of trusted proxies (X-Forwarded-For); empty: none"
    )
    api_requests_per_minute: Annotated[int, Field(ge=1)] = 600
    api_heavy_per_minute: Annotated[int, Field(ge=1)] = 6
    api_connections: Annotated[int, Field(ge=1, le=100)] = 8
    api_cors_origins: Address = ""
    mcp_key: SecretStr = Field(default=SecretStr(""), description="API key or token of romashka mcp over stdio")
    mcp_api_url: Address = Field(
        default="", description="API that romashka mcp over stdio is a client of; empty: in its own process"
    )
    mcp_host: Address = Field(default="127.0.0.1", description="address of romashka mcp --http")
    mcp_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8082, description="of romashka mcp --http; 0: any")
    mcp_allowed_hosts: Address = Field(
        default="", description="host names that clients reach romashka mcp --http by, beside loopback"
    )
    collector_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8081, description="of the collector; 0: any")
    collector_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    collector_events_per_second: Annotated[float, Field(gt=0)] = 20_000
    collector_delivery_seconds: Annotated[float, Field(ge=1)] = 10
    collector_body_seconds: Annotated[float, Field(gt=0)] = Field(
        default=10, description="how long a client may take to send a request's head, and then its body"
    )
    collector_cors_origins: Address = ""
    oidc_issuer: Address = ""
    oidc_audience: str = ""
    oidc_jwks_url: Address = ""
    redis_url: SecretStr = SecretStr("")

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
        return tuple(one.strip() for one in self.webhook_private_hosts.split(",") if one.strip())

    @property
    def finding_recipients(self) -> tuple[str, ...]:
        """Recipients of messages about findings."""
        return tuple(one.strip() for one in self.findings_to.split(",") if one.strip())

    @property
    def audit_heads(self) -> Path | None:
        """The file for heads of the audit log's chains; ``None`` where none is set."""
        return Path(self.audit_heads_file) if self.audit_heads_file else None

    @property
    def mail(self) -> MailServer | None:
        """The mail server; ``None`` where none is set."""
        if not self.smtp_host:
            return None
        try:
            sender_address(self.smtp_from)
        except ValueError:
            raise SettingsError(
                "ROMASHKA_SMTP_FROM must be the address that reports are from (see .env.example)"
            ) from None
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
        first = error.errors(include_url=False, include_input=False)[0]
        name = "ROMASHKA_" + str(first["loc"][0]).upper()
        message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        raise SettingsError(f"{name} is not usable: expected {message} (see .env.example)") from None
    except SettingsSourceError as error:
        field = re.search('field "([a-z_0-9]+)"', str(error))
        name = f"ROMASHKA_{field[1].upper()}" if field else "a setting"
        raise SettingsError(f"{name} is not usable: expected JSON (see .env.example)") from None
    except UnicodeDecodeError:
        raise SettingsError(".env is not text in UTF-8; save it again in that encoding") from None


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
