"""docker-compose.yml and the Dockerfile: read by the real program where it is, and held to what install.md promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from cli.command_table import loaded
from cli.commands.access import Passwords
from cli.commands.init import SECRETS, Secret
from cli.settings import Settings
from tests.unit.deploy.files import DEPLOY, ROOT, load

COMPOSE: Final[dict[str, Any]] = load(ROOT / "docker-compose.yml")
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
TEXT: Final = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")

needs_compose = pytest.mark.skipif(
    shutil.which("docker-compose") is None,
    reason="docker-compose is not installed (Debian: apt-get install docker-compose)",
)


def _config(env_file: Path, secrets: Sequence[Secret]) -> subprocess.CompletedProcess[str]:
    env_file.write_text("".join(f"{secret.name}={secret.make()}\n" for secret in secrets))
    command = ["docker-compose", "--env-file", str(env_file), "--file", str(ROOT / "docker-compose.yml")]
    return subprocess.run(
        [*command, "--profile", "demo", "config", "--quiet"],
        env={name: value for name, value in os.environ.items() if not name.startswith("ROMASHKA_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_compose
def test_compose_takes_the_file_with_what_init_writes(tmp_path: Path) -> None:
    done = _config(tmp_path / "env", SECRETS)
    assert done.returncode == 0, done.stderr


@needs_compose
@pytest.mark.parametrize("missing", ["ROMASHKA_KAFKA_PASSWORD", "ROMASHKA_PSEUDONYM_KEY", "ROMASHKA_GRAFANA_PASSWORD"])
def test_a_missing_secret_stops_the_start_and_says_what_to_run(tmp_path: Path, missing: str) -> None:
    done = _config(tmp_path / "env", [secret for secret in SECRETS if secret.name != missing])
    assert done.returncode != 0
    assert "run 'romashka init' first" in done.stderr


def test_every_variable_without_a_default_is_one_that_init_writes() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert required == {secret.name for secret in SECRETS}
    defaults = set(re.findall(r"\$\{\w*(?:PASSWORD|SECRET|KEY|TOKEN):-([^}]*)\}", TEXT))
    assert defaults == {"", "not-set"}, "no secret has a default"


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not [name for name, service in SERVICES.items() if service.get("network_mode")]


def test_every_image_is_pinned_and_names_no_host() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?", tag), f"{name} is not pinned"
        assert "." not in image.split("/")[0], f"{name} names a registry's host"
    plugin = SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    assert re.fullmatch(r"grafana-clickhouse-datasource@\d+\.\d+\.\d+", plugin)


def test_the_database_and_the_broker_are_those_of_the_tests() -> None:
    containers = (ROOT / "tests/kafka/containers.py").read_text(encoding="utf-8")
    assert SERVICES["clickhouse"]["image"] in containers
    pom = (ROOT / "tests/kafka/pom.xml").read_text(encoding="utf-8")
    assert f"<kafka.version>{SERVICES['kafka']['image'].partition(':')[2]}</kafka.version>" in pom


def test_what_runs_for_long_is_watched_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if service["restart"] == "unless-stopped":
            assert service["healthcheck"]["test"], f"{name} has no health check"
        else:
            assert service["restart"] == "on-failure", name
    assert "HEALTHCHECK" in DOCKERFILE


def test_our_containers_can_write_nothing_and_gain_nothing() -> None:
    ours = [service for service in SERVICES.values() if "build" in service]
    assert len(ours) > 5
    for service in [*ours, SERVICES["prometheus"], SERVICES["grafana"]]:
        assert service["read_only"] is True
    assert all(service["cap_drop"] == ["ALL"] for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"clickhouse"}
    assert all("no-new-privileges:true" in service["security_opt"] for service in SERVICES.values())


def test_every_file_that_is_mounted_exists() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert not [one for one in mounted if one.startswith(".") and not (ROOT / one.split(":")[0]).exists()]
    named = {one.split(":")[0] for one in mounted if not one.startswith(".")}
    assert named == set(COMPOSE["volumes"])


def test_every_job_is_a_command_that_exists() -> None:
    for name, service in SERVICES.items():
        if "build" not in service:
            continue
        first, *rest = service["command"]
        command: Any = loaded(first)
        for word in rest:
            if word.startswith("-"):
                break
            assert word in command.commands, f"{name} runs 'romashka {' '.join(service['command'])}'"
            command = command.commands[word]


def test_the_worker_gets_no_secret_it_does_not_need() -> None:
    names = {name for name in SERVICES["worker"]["environment"] if name.endswith(("PASSWORD", "KEY"))}
    own = {"ROMASHKA_CLICKHOUSE_PASSWORD", "ROMASHKA_PSEUDONYM_KEY", "ROMASHKA_SMTP_PASSWORD"}
    assert names == {"ROMASHKA_KAFKA_PASSWORD", *own}
    assert {name for name in SERVICES["api"]["environment"] if name.endswith(("PASSWORD", "KEY"))} == own
    for service in ("worker", "api"):
        assert SERVICES[service]["environment"]["ROMASHKA_CLICKHOUSE_USER"] != "romashka", "not the administrator"


def test_reports_of_the_worker_and_the_api_are_sent_and_kept_in_one_place() -> None:
    worker, api = SERVICES["worker"], SERVICES["api"]
    shared = {name for name in worker["environment"] if name.startswith(("ROMASHKA_SMTP_", "ROMASHKA_REPORTS_"))}
    assert len(shared) == 7
    for name in shared:
        assert worker["environment"][name] == api["environment"][name]
    folder = worker["environment"]["ROMASHKA_REPORTS_DIR"]
    assert f"reports:{folder}" in worker["volumes"]
    assert f"reports:{folder}" in api["volumes"]
    assert f"--group=romashka {folder}" in DOCKERFILE, "a new volume gets the owner of the image's folder"


def test_every_setting_of_a_service_of_ours_is_one_that_the_program_reads() -> None:
    known = {f"ROMASHKA_{name.upper()}" for name in (*Settings.model_fields, *Passwords.model_fields)}
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["environment"].keys() <= known, name


def _instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", DOCKERFILE).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if line_is_code(word)]


def line_is_code(word: str) -> bool:
    """Whether a line of the Dockerfile begins an instruction."""
    return word.isupper() and not word.startswith("#")


def test_every_file_that_the_dockerfile_copies_exists_and_reaches_the_build() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for word, rest in _instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert len(copied) > 8
    assert not [source for source in copied if not (ROOT / source).exists()]
    assert set(copied) == let_in, ".dockerignore lets in what is copied, and nothing else"


def test_the_image_has_every_package_of_the_program() -> None:
    packages = re.search(r"^packages = \[(.+)\]$", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert packages is not None
    wanted = set(re.findall(r'"(\w+)"', packages[1]))
    assert wanted <= {rest.split()[0] for word, rest in _instructions() if word == "COPY"}


def test_checks_of_health_ask_what_is_served() -> None:
    assert "/ready'" in DOCKERFILE
    assert "127.0.0.1:9464/ready'" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert "127.0.0.1:8080/v1/health/ready'" in SERVICES["api"]["healthcheck"]["test"][-1]
    for path in ("/v1/health/ready", "/v1/health/live"):
        assert path in (ROOT / "api/auth_middleware.py").read_text(encoding="utf-8"), "asked without a token"


def test_the_image_is_pinned_and_runs_as_nobody() -> None:
    instructions = _instructions()
    bases = {rest.split()[0] for word, rest in instructions if word == "FROM"}
    assert len(bases) == 1
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert [rest for word, rest in instructions if word == "USER"] == ["10001:10001"]
    assert [rest for word, rest in instructions if word == "ENTRYPOINT"] == ['["romashka"]']
    assert "--require-hashes" in DOCKERFILE


def test_no_configuration_holds_a_password_or_an_address_of_a_registry() -> None:
    files = [
        path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix in {".xml", ".yaml", ".yml", ".properties"}
    ]
    assert len(files) > 10
    for path in [*files, ROOT / "docker-compose.yml", ROOT / "Dockerfile"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(docker|ghcr|quay|gcr)\.io", text), path
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "<!--")))
        for value in re.findall(r"(?i)password[\"']?\s*[:=]\s*[\"']?([^\s\"';}]+)", code):
            assert value.startswith(("$", "required", "replace-me")), f"{path}: {value}"
