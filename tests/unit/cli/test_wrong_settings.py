"""A plausible wrong value of every setting: it is refused at the start of every program, or doctor tells of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.api_server import check, configuration
from cli.commands.mcp import allowed_hosts
from cli.retention_needs import needed_days
from cli.setting_checks import (
    Channels,
    Warned,
    check_backups,
    check_files,
    check_heads_file,
    check_retention,
    check_worker,
)
from cli.settings import Settings, loaded
from models.errors import RomashkaError, SettingsError
from streams.kafka_address import check as check_kafka

_SECRET = SecretStr(base64.b64encode(bytes(32)).decode())
_KEPT = {name: 4 if name == "recent_query_windows" else 400 for name in needed_days({}, tunes_thresholds=True)} | {
    "dead_letters": 90
}

# Refused when settings are read, with these words.
REFUSED = {
    "kafka_security_protocol": ("ssl", "'PLAINTEXT', 'SSL'"),
    "kafka_sasl_mechanism": ("SCRAM", "'PLAIN', 'SCRAM-SHA-256'"),
    "kafka_group": (" ", "a name, such as"),
    "kafka_replication": ("0", "greater than or equal to 1"),
    "kafka_session_seconds": ("10000", "less than or equal to 1800"),
    "kafka_instance_id": ("worker 1", "letters, digits"),
    "clickhouse_url": ("localhost:8123", "something like http://127.0.0.1:8123"),
    "clickhouse_database": ("my.database", "1 to 63 letters, digits, _ and -, such as"),
    "clickhouse_cluster": ("my cluster", "at most 63 letters"),
    "clickhouse_insert_quorum": ("majority", "auto, or a number from 0 to 9"),
    "clickhouse_cloud": ("maybe", "true or false"),
    "pseudonym_key_id": ("Key-1", "1 to 8 of a-z and 0-9, such as k1"),
    "pseudonym_old_keys": ('{"Key 1": "x"}', "ids of keys, 1 to 8 of a-z and 0-9, such as k1; 'Key 1' is none"),
    "screen_labels": ("", "true or false"),
    "retention_days": ('{"query_windows": 0}', "greater than or equal to 1"),
    "metrics_host": ("http://0.0.0.0:9464", "a host name or address alone"),
    "metrics_port": ("http", "a valid integer"),
    "log_format": ("JSON", "'text' or 'json'"),
    "otlp_endpoint": ("127.0.0.1:4318", "an address such as"),
    "trace_share": ("10", "less than or equal to 1"),
    "smtp_host": ("mail.example.com:587", "without scheme and port, such as mail.example.com"),
    "smtp_port": ("0", "greater than or equal to 1"),
    "smtp_security": ("ssl", "'starttls', 'tls' or 'none'"),
    "smtp_from": ("Reports", "one address, such as Reports <reports@example.com>"),
    "webhook_private_hosts": ("https://hooks.internal/x", "'https://hooks.internal/x' is none"),
    "query_objective": ("97", "less than 1"),
    "working_time_zone": ("Riyadh", "a time zone such as"),
    "working_days": ("sun-thu", "days of the week"),
    "working_hours": ("7-19", "hours of one day"),
    "grafana_live_url": ("grafana:3000", "an address such as"),
    "grafana_url": ("grafana", "an address such as"),
    "flush_rows": ("0", "greater than or equal to 1"),
    "flush_seconds": ("1000", "less than or equal to 60"),
    "max_pending_rows": ("0", "greater than or equal to 1"),
    "new_tenants_per_hour": ("-1", "greater than or equal to 0"),
    "job_memory_megabytes": ("1", "greater than or equal to 128"),
    "job_seconds": ("0", "greater than 0"),
    "findings_to": ("mailto:ada@example.com, oncall@example.com", "of recipient 2: "),
    "link_days": ("365", "less than or equal to 90"),
    "tune_thresholds": ("2", "true or false"),
    "false_alarm_budget": ("0", "greater than 0"),
    "recall_floor": ("90", "less than or equal to 1"),
    "api_host": ("", "127.0.0.1 or 0.0.0.0"),
    "api_port": ("80800", "less than or equal to 65535"),
    "api_public_url": ("romashka.example.com", "an address such as"),
    "api_schedules_per_tenant": ("0", "greater than or equal to 1"),
    "api_recipients_per_schedule": ("500", "less than or equal to 50"),
    "api_schedule_minutes": ("0", "greater than or equal to 1"),
    "api_mail_domains": ("example.com, @example.org", "domains such as example.com; '@example.org' is none"),
    "api_trusted_proxies": ("0.0.0.0/0", "'0.0.0.0/0' is none"),
    "api_requests_per_minute": ("0", "greater than or equal to 1"),
    "api_heavy_per_minute": ("0", "greater than or equal to 1"),
    "api_connections": ("1000", "less than or equal to 100"),
    "api_cors_origins": ("https://app.example.com/", "origins such as https://app.example.com"),
    "collector_cors_origins": ("*", "'*' is none"),
    "mcp_api_url": ("analytics.example.com", "an address such as"),
    "mcp_host": ("0.0.0.0:8082", "a host name or address alone"),
    "mcp_port": ("-1", "greater than or equal to 0"),
    "mcp_allowed_hosts": ("https://mcp.example.com", "'https://mcp.example.com' is none"),
    "collector_port": ("-1", "greater than or equal to 0"),
    "collector_metrics_port": ("-1", "greater than or equal to 0"),
    "collector_events_per_second": ("0", "greater than 0"),
    "collector_delivery_seconds": ("0", "greater than or equal to 1"),
    "collector_body_seconds": ("0", "greater than 0"),
    "oidc_issuer": ("login.example.com", "an address such as"),
    "oidc_jwks_url": ("login.example.com/keys", "an address such as"),
}


def _channels(config: Settings) -> str:
    return Channels(config, {}).check()


def _api(config: Settings) -> str:
    check(configuration(config))
    return ""


def _mcp(config: Settings) -> str:
    return str(allowed_hosts(config, config.mcp_host))


def _kafka(config: Settings) -> str:
    check_kafka(config.kafka)
    return ""


def _retention(config: Settings) -> str:
    return check_retention(config, _KEPT)


_SERVER = {"smtp_host": "mail.example.com", "smtp_from": "reports@example.com"}
_TO_ADA = {"findings_to": "mailto:ada@example.com"}
_NOWHERE = "/proc/none/heads.jsonl"

# Told by doctor, with these words; the first setting is the one that is wrong.
TOLD: list[tuple[Callable[[Settings], str], dict[str, Any], str]] = [
    (
        _kafka,
        {"kafka_bootstrap": "http://kafka:9092"},
        "'http://kafka:9092' is not host:port",
    ),
    (_kafka, {"kafka_user": "", "kafka_security_protocol": "SASL_SSL"}, "ROMASHKA_KAFKA_USER is empty"),
    (_kafka, {"kafka_ca_file": "/none.pem", "kafka_security_protocol": "SSL"}, "ROMASHKA_KAFKA_CA_FILE"),
    (_kafka, {"kafka_certificate_file": "/none.pem", "kafka_security_protocol": "SSL"}, "KAFKA_CERTIFICATE_FILE"),
    (_kafka, {"kafka_key_file": "/none.pem", "kafka_security_protocol": "SSL"}, "ROMASHKA_KAFKA_KEY_FILE"),
    (check_worker, {"kafka_password": "x"}, "ROMASHKA_KAFKA_PASSWORD has no effect: "),
    (check_worker, {"kafka_key_password": "x"}, "ROMASHKA_KAFKA_KEY_PASSWORD has no effect: "),
    (check_worker, {"flush_rows": 300_000}, "ROMASHKA_FLUSH_ROWS is 300,000"),
    (check_worker, {"sync_words": {"ok": "good"}}, "ROMASHKA_SYNC_WORDS"),
    (check_worker, {"error_words": {"429": "slow"}}, "ROMASHKA_ERROR_WORDS"),
    (check_worker, {"grafana_live_token": "x"}, "ROMASHKA_GRAFANA_LIVE_TOKEN is set, and ROMASHKA_GRAFANA_LIVE_URL"),
    (check_worker, {"grafana_live_url": "http://g"}, "ROMASHKA_GRAFANA_LIVE_TOKEN is not: Grafana refuses"),
    (check_worker, {"grafana_silence_token": "x"}, "ROMASHKA_GRAFANA_URL is not: nothing is silenced"),
    (check_worker, {"pseudonym_key": "short"}, "ROMASHKA_PSEUDONYM_KEY"),
    (_channels, {"smtp_from": "a@example.com"}, "ROMASHKA_SMTP_HOST is not: no mail is sent"),
    (_channels, {"smtp_host": "mail.example.com"}, "ROMASHKA_SMTP_HOST is set, and ROMASHKA_SMTP_FROM is not"),
    (_channels, {"smtp_user": "a", **_SERVER}, "ROMASHKA_SMTP_USER is set, and ROMASHKA_SMTP_PASSWORD is not"),
    (_channels, {"smtp_password": "a", **_SERVER}, "ROMASHKA_SMTP_PASSWORD is set, and ROMASHKA_SMTP_USER is not"),
    (_channels, {"smtp_port": 465, **_SERVER}, "port 465 expects tls; set it to tls"),
    (_channels, {"smtp_security": "tls", **_SERVER}, "port 587 expects starttls"),
    (_channels, {"findings_to": "mailto:ada@example.com"}, "recipient 1 of ROMASHKA_FINDINGS_TO is an e-mail address"),
    (_channels, {"findings_to": "env:ROMASHKA_TO_SLACK"}, "ROMASHKA_TO_SLACK is not set here"),
    (_channels, {"api_public_url": "http://127.0.0.1:8080", **_TO_ADA, **_SERVER}, "which only this machine can open"),
    (
        check_files,
        {"audit_heads_file": _NOWHERE},
        "ROMASHKA_AUDIT_HEADS_FILE: /proc/none/heads.jsonl cannot",
    ),
    (check_files, {"reports_dir": Path(__file__)}, "ROMASHKA_REPORTS_DIR: "),
    (check_files, {"kpis_dir": Path("/none")}, "ROMASHKA_KPIS_DIR: there is no folder /none"),
    (check_files, {"boards_dir": Path("/none")}, "ROMASHKA_BOARDS_DIR: there is no folder /none"),
    (_api, {"audit_heads_file": _NOWHERE}, "ROMASHKA_AUDIT_HEADS_FILE: /proc/none/heads.jsonl cannot"),
    (_api, {"oidc_audience": "romashka"}, "ROMASHKA_OIDC_ISSUER is missing"),
    (_api, {"redis_url": "redis:6379"}, "ROMASHKA_REDIS_URL is not usable"),
    (_mcp, {"mcp_host": "0.0.0.0"}, "set ROMASHKA_MCP_ALLOWED_HOSTS"),  # noqa: S104 - the address that is checked
    (check_backups, {"backup_destination": "/backups"}, "ROMASHKA_BACKUP_DESTINATION is no place for backups"),
    (check_backups, {"backup_s3_key_id": "k", "backup_destination": "disk:b"}, "ROMASHKA_BACKUP_S3_SECRET is not"),
    (check_backups, {"backup_s3_secret": "k"}, "ROMASHKA_BACKUP_DESTINATION is not: no backups are made"),
    (_retention, {"retention_days": {"query_window": 90}}, "names query_window; expected some of conversation_days"),
    (_retention, {"retention_days": {"query_windows": 7}}, "query_windows keeps its rows for 7 days, and the growth"),
    (_retention, {"retention_days": {"report_deliveries": 7}}, "reports would be sent again within 36 days"),
    (_retention, {"retention_days": {"query_days": 90}}, "integration_query_metrics, which it adds up, keeps"),
    (
        _retention,
        {"retention_days": {"dead_letters": 30}},
        "is not applied to dead_letters yet; run 'romashka migrate'",
    ),
]

# Any text may be right, or only the server that it is shown to can tell; doctor's checks of Kafka and ClickHouse do.
FREE = {"clickhouse_user", "clickhouse_password", "clickhouse_source_password", "mcp_key"}


@pytest.fixture(autouse=True)
def _no_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _config(**values: Any) -> Settings:
    secret = {name for name in values if Settings.model_fields[name].annotation is SecretStr}
    fields: dict[str, Any] = {name: SecretStr(one) if name in secret else one for name, one in values.items()}
    return Settings.model_construct(None, **{"pseudonym_key": _SECRET, **fields})


def test_every_setting_has_a_wrong_value_here() -> None:
    assert REFUSED.keys() | {next(iter(values)) for _, values, _ in TOLD} | FREE == Settings.model_fields.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_value_is_refused_at_the_start_with_its_name_and_what_was_expected(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, said = REFUSED[name]
    monkeypatch.setenv(f"ROMASHKA_{name.upper()}", value)
    with pytest.raises(SettingsError, match=f"^ROMASHKA_{name.upper()}.* is not usable: expected ") as refused:
        loaded(Settings)
    assert said in str(refused.value)
    assert "^[" not in str(refused.value)  # no pattern


@pytest.mark.parametrize(("look", "values", "said"), TOLD)
def test_doctor_tells_of_a_value_that_is_wrong_beside_others(look: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises((RomashkaError, Warned)) as told:
        look(_config(**values))
    assert said in str(told.value)


def test_a_user_who_sees_no_table_is_told_who_would() -> None:
    with pytest.raises(Warned, match="run it as the user of 'romashka migrate'"):
        check_retention(_config(retention_days={"query_windows": 90}), {})


def test_settings_that_fit_together_are_no_fault() -> None:
    config = _config(
        **_SERVER,
        **_TO_ADA,
        api_public_url="https://romashka.example.com",
        retention_days={"integration_query_metrics": 90, "conversation_outcomes": 90},
    )
    assert Channels(config, {}).check() == "mail by mail.example.com:587, findings are sent to 1 recipient"
    assert "jobs of the leader" in check_worker(config)
    assert "0 figures and 0 boards of your own" in check_files(config)
    assert "2 tables of" in check_retention(config, {**_KEPT, **config.retention_days})
    assert check_backups(config) == "no destination is set"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_FROM", "Отчёты <reports@bücher.example>"),
        ("SMTP_HOST", "::1"),
        ("METRICS_HOST", "::"),
        ("FINDINGS_TO", "mailto:ada@example.com, https://hooks.example.com/x,env:ROMASHKA_TO_SLACK"),
        ("API_CORS_ORIGINS", "https://app.example.com,http://localhost:5173,http://[::1]:3000"),
        ("API_CORS_ORIGINS", "*"),
        ("API_TRUSTED_PROXIES", "10.0.0.7, 10.0.0.0/28, fd00::/8"),
        ("WEBHOOK_PRIVATE_HOSTS", "hooks.internal, my_host, 10.1.2.0/24"),
        ("CLICKHOUSE_URL", "https://ch_1.internal:8443"),
        ("GRAFANA_URL", "http://grafana/sub/path"),
    ],
)
def test_a_value_that_works_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ROMASHKA_{name}", value)
    loaded(Settings)


@pytest.mark.parametrize("sender", ["reports", "reports@", "@example.com", "a b@example.com", "x@exa mple.com", "x@-"])
def test_a_sender_that_mail_servers_refuse_is_refused_at_the_start(
    sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROMASHKA_SMTP_FROM", sender)
    with pytest.raises(SettingsError, match="ROMASHKA_SMTP_FROM is not usable: expected one address"):
        loaded(Settings)


def test_a_wrong_recipient_is_told_by_its_place_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMASHKA_FINDINGS_TO", "slack://s3cretToken/other")
    with pytest.raises(SettingsError, match="of recipient 1") as refused:
        loaded(Settings)
    assert "s3cret" not in str(refused.value)


def test_the_file_of_heads_may_be_there_already_or_be_new(tmp_path: Path) -> None:
    check_heads_file(tmp_path / "heads.jsonl")
    (tmp_path / "heads.jsonl").touch()
    check_heads_file(tmp_path / "heads.jsonl")
    with pytest.raises(SettingsError, match="it is a folder"):
        check_heads_file(tmp_path)
