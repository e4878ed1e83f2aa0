"""The fields of the settings: type, default and description of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.setting_values import (
    Address,
    ClickHouseUrl,
    ClusterName,
    Database,
    Domains,
    Hosts,
    KafkaGroup,
    KafkaInstance,
    KeyId,
    KeysById,
    ListenHost,
    OptionalHost,
    OptionalWebAddress,
    Origins,
    OriginsOrAll,
    PrivateHosts,
    Proxies,
    Quorum,
    Recipients,
    Sender,
    WebAddress,
    checked,
)
from models.objectives import QUERY_OBJECTIVE
from models.working_hours import DAYS, HOURS, TIME_ZONE, read_days, read_hours, read_time_zone


class SettingFields(BaseSettings):
    """The fields of ``cli.settings.Settings``, each with its type, default and description."""

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
    kafka_group: KafkaGroup = Field(
        default="romashka-integration-analytics", description="consumer group of the workers"
    )
    kafka_replication: Annotated[int, Field(ge=1)] = 1
    kafka_session_seconds: Annotated[float, Field(ge=6, le=1_800)] = Field(
        default=10.0, description="after how long a silent worker is replaced; the embedded broker wants 6"
    )
    kafka_instance_id: KafkaInstance = Field(
        default="", description="name of this worker in its group, each its own: a quick restart moves no partition"
    )
    clickhouse_url: ClickHouseUrl = "http://127.0.0.1:8123"
    clickhouse_database: Database = "integration_analytics"
    clickhouse_user: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    clickhouse_cluster: ClusterName = Field(
        default="", description="cluster of ClickHouse's remote_servers that tables are sharded over; empty: one server"
    )
    clickhouse_source_password: SecretStr = Field(
        default=SecretStr(""), description="password on the server that 'romashka migrate --to-cluster' moves from"
    )
    clickhouse_insert_quorum: Quorum = Field(
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
    pseudonym_old_keys: KeysById = Field(
        default_factory=dict, description="keys of before by their ids, as JSON, oldest first, while they are replaced"
    )
    screen_labels: bool = Field(
        default=True, description="whether e-mail addresses, phone and card numbers in labels are replaced"
    )
    retention_days: dict[str, Annotated[int, Field(ge=1, le=3_650)]] = Field(
        default_factory=dict, description="days that tables keep their rows where not the usual ones, as JSON"
    )
    pseudonym_key_id: KeyId = "k1"
    metrics_host: ListenHost = Field(
        default="127.0.0.1", description="address that serves Prometheus; in a container its own, 0.0.0.0"
    )
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=9464, description="Prometheus; 0: any")
    log_format: Literal["text", "json"] = Field(default="text", description="text for people, json for collectors")
    otlp_endpoint: OptionalWebAddress = Field(
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
    smtp_host: OptionalHost = Field(default="", description="mail server for reports; none are sent by e-mail without")
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: Sender = Field(default="", description="who reports are from, for example Reports <reports@example.com>")
    webhook_private_hosts: PrivateHosts = Field(
        default="", description="hosts, addresses and networks that are not public and may be sent reports; empty: none"
    )
    query_objective: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=QUERY_OBJECTIVE, description="share of queries that should be answered over 30 days"
    )
    working_time_zone: Annotated[str, AfterValidator(read_time_zone)] = Field(
        default=TIME_ZONE, description="time zone of the hours in which warnings are told, for example Asia/Riyadh"
    )
    working_days: Annotated[str, checked(read_days)] = Field(
        default=DAYS, description="days on which warnings are told, for example sunday:thursday"
    )
    working_hours: Annotated[str, checked(read_hours)] = Field(
        default=HOURS, description="hours of these days in which warnings are told"
    )
    grafana_live_url: OptionalWebAddress = Field(
        default="", description="Grafana that live figures are pushed to; empty: none"
    )
    grafana_url: OptionalWebAddress = Field(
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
    flush_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
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
    findings_to: Recipients = Field(
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
    api_host: ListenHost = Field(
        default="127.0.0.1", description="address of the HTTP API; in a container its own, 0.0.0.0"
    )
    api_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8080, description="of the HTTP API; 0: any")
    api_public_url: WebAddress = Field(
        default="http://127.0.0.1:8080", description="address of the API as people reach it, for links to its pages"
    )
    api_schedules_per_tenant: Annotated[int, Field(ge=1)] = 50
    api_recipients_per_schedule: Annotated[int, Field(ge=1, le=50)] = 20
    api_schedule_minutes: Annotated[int, Field(ge=1)] = Field(
        default=15, description="least minutes between two firings of a schedule"
    )
    api_mail_domains: Domains = Field(default="", description="domains that schedules may send mail to; empty: any")
    api_trusted_proxies: Proxies = Field(
        default="", description="addresses or networks of trusted proxies (X-Forwarded-For); empty: none"
    )
    api_requests_per_minute: Annotated[int, Field(ge=1)] = 600
    api_heavy_per_minute: Annotated[int, Field(ge=1)] = 6
    api_connections: Annotated[int, Field(ge=1, le=100)] = 8
    api_cors_origins: OriginsOrAll = ""
    mcp_key: SecretStr = Field(default=SecretStr(""), description="API key or token of romashka mcp over stdio")
    mcp_api_url: OptionalWebAddress = Field(
        default="", description="API that romashka mcp over stdio is a client of; empty: in its own process"
    )
    mcp_host: ListenHost = Field(default="127.0.0.1", description="address of romashka mcp --http")
    mcp_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8082, description="of romashka mcp --http; 0: any")
    mcp_allowed_hosts: Hosts = Field(
        default="", description="host names that clients reach romashka mcp --http by, beside loopback"
    )
    collector_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8081, description="of the collector; 0: any")
    collector_metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    collector_events_per_second: Annotated[float, Field(gt=0)] = 20_000
    collector_delivery_seconds: Annotated[float, Field(ge=1)] = 10
    collector_body_seconds: Annotated[float, Field(gt=0)] = Field(
        default=10, description="how long a client may take to send a request's head, and then its body"
    )
    collector_cors_origins: Origins = ""
    oidc_issuer: OptionalWebAddress = ""
    oidc_audience: str = ""
    oidc_jwks_url: OptionalWebAddress = ""
    redis_url: SecretStr = SecretStr("")
