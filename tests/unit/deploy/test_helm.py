"""The chart, rendered by helm for every values file and held to the schemas of three versions of Kubernetes.

Golden files show a review what a change does to the rendered chart; with ``ROMASHKA_UPDATE_GOLDEN=1`` they are written.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes_validate.utils import ValidationError, validate

from cli.commands.access import Passwords
from cli.settings import Settings
from models.topics import INGEST
from tests.unit.deploy.files import DEPLOY, alerts, load

CHART: Final = DEPLOY / "helm/romashka"
VALUES: Final = sorted((CHART / "ci").glob("*.yaml"))
GOLDEN: Final = Path(__file__).parent / "helm"
KUBERNETES: Final = ("1.33", "1.35", "1.37")
# Of the operators: no package that our registries ship has their JSON schemas.
OTHERS: Final = {
    "ExternalSecret": "external-secrets.io/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
}
# Copies of files that are checked elsewhere, hundreds of kilobytes.
COPIES: Final = ("ConfigMap", "PrometheusRule")

pytestmark = pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not installed (go install helm.sh/helm/v3/cmd/helm@v3.22.0)"
)
by_name = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def _helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["helm", "template", "romashka", str(CHART), "--namespace", "analytics", "--kube-version", "1.35.0"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)


@cache
def _rendered(values: Path) -> list[dict[str, Any]]:
    done = _helm("--values", str(values))
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def _render(values: Path) -> list[dict[str, Any]]:
    return copy.deepcopy(_rendered(values))


def _values(name: str) -> Path:
    return CHART / f"ci/{name}.yaml"


def _of_kind(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in resources if one["kind"] == kind]


def _pods(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in resources if one["kind"] in {"Deployment", "Job"}]


@by_name
def test_every_resource_is_one_that_kubernetes_takes(values: Path) -> None:
    for resource in _render(values):
        if resource["kind"] in OTHERS:
            assert resource["apiVersion"] == OTHERS[resource["kind"]]
            continue
        for version in KUBERNETES:
            validate(resource, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    worker = _worker("minimal")
    worker["spec"]["replica"] = 1
    with pytest.raises(ValidationError):
        validate(worker, KUBERNETES[0], strict=True)


@by_name
def test_the_rendered_chart_is_the_one_that_was_reviewed(values: Path) -> None:
    kept = [one for one in _render(values) if one["kind"] not in COPIES]
    text = yaml.safe_dump_all(kept, sort_keys=True, width=120)
    golden = GOLDEN / values.name
    if os.environ.get("ROMASHKA_UPDATE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@by_name
def test_pods_run_as_nobody_write_nowhere_and_hold_no_token(values: Path) -> None:
    pods = _pods(_render(values))
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@by_name
def test_every_setting_is_one_that_the_program_reads_and_no_secret_is_written_out(values: Path) -> None:
    known = {f"ROMASHKA_{name.upper()}" for name in (*Settings.model_fields, *Passwords.model_fields)}
    for pod in _pods(_render(values)):
        for container in pod["containers"]:
            names = [entry["name"] for entry in container["env"]]
            assert len(names) == len(set(names))
            assert set(names) <= known
            written = [entry["name"] for entry in container["env"] if "value" in entry]
            assert not [name for name in written if name.endswith(("_PASSWORD", "_KEY", "_TOKEN"))]


def _worker(values: str) -> dict[str, Any]:
    deployments = _of_kind(_render(_values(values)), "Deployment")
    (worker,) = (one for one in deployments if one["metadata"]["name"] == "romashka-worker")
    return worker


def test_a_worker_is_restarted_when_it_hangs_and_has_time_to_leave() -> None:
    worker = _worker("minimal")
    pod = worker["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 30
    (container,) = pod["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert worker["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_jobs_are_hooks_in_order_and_their_secrets_come_before_them() -> None:
    resources = _render(_values("minimal"))
    weights = {
        one["metadata"]["name"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"])
        for one in resources
        if one["kind"] in {"Job", "Secret"}
    }
    assert sorted(weights, key=lambda name: (weights[name], name)) == [
        "romashka",
        "romashka-admin",
        "romashka-topics",
        "romashka-migrate",
        "romashka-clickhouse-access",
    ]


def test_scaling_counts_the_lag_of_every_topic_in_workers() -> None:
    (scaled,) = _of_kind(_render(_values("strimzi-keda")), "ScaledObject")
    triggers = scaled["spec"]["triggers"]
    assert {trigger["metadata"]["topic"] for trigger in triggers} == {topic.name for topic in INGEST}
    group = Settings.model_fields["kafka_group"].default
    assert {trigger["metadata"]["consumerGroup"] for trigger in triggers} == {group}
    assert "replicas" not in _worker("strimzi-keda")["spec"], "two that set the number of replicas fight"
    (hpa,) = _of_kind(_render(_values("managed-external-secrets")), "HorizontalPodAutoscaler")
    assert hpa["spec"]["metrics"][0]["external"]["metric"]["name"] == "romashka_consumer_lag"


def test_rules_and_dashboards_are_those_of_the_other_deployments() -> None:
    resources = _render(_values("monitoring"))
    groups = [group for rule in _of_kind(resources, "PrometheusRule") for group in rule["spec"]["groups"]]
    assert sum("alert" in rule for group in groups for rule in group["rules"]) == len(alerts())
    assert "$externalLabels" not in str(groups)
    assert "https://wiki.example.com/runbook#" in str(groups)
    maps = [name for one in _of_kind(resources, "ConfigMap") for name in one["data"]]
    dashboards = {path.name for path in (DEPLOY / "grafana/dashboards").glob("*/*.json")}
    alerting = {f"romashka-{path.name}" for path in (DEPLOY / "grafana/provisioning/alerting").iterdir()}
    assert set(maps) == dashboards | alerting
    for one in _of_kind(resources, "ConfigMap"):
        assert len(str(one)) < 1_000_000, "Kubernetes takes a mebibyte"
    monitors = _of_kind(resources, "ServiceMonitor")
    services = {one["metadata"]["name"]: one for one in _of_kind(resources, "Service")}
    jobs = {job["job_name"] for job in load(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]}
    assert {one["metadata"]["name"] for one in monitors} == {"romashka-worker", "romashka-collector"}
    for monitor in monitors:
        assert services[monitor["metadata"]["name"]]["metadata"]["labels"][monitor["spec"]["jobLabel"]] in jobs


@pytest.mark.parametrize(
    "wrong",
    [
        "config.ROMASHKA_PSEUDONYM_KEY=in-the-open",
        "config.ROMASHKA_CLICKHOUSE_URL=clickhouse:8123",
        "config.other=1",
        "autoscaling.kind=vpa",
        "image.digest=sha256:short",
        "worker.replica=3",
        "worker.terminationGraceSeconds=5",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(wrong: str) -> None:
    done = _helm("--values", str(_values("minimal")), "--set", wrong)
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr


def test_a_release_without_addresses_is_refused() -> None:
    assert "ROMASHKA_KAFKA_BOOTSTRAP" in _helm().stderr


def test_with_mtls_everything_that_talks_to_kafka_has_the_certificate_and_the_collector_its_own() -> None:
    found: dict[str, set[str]] = {}
    for deployment in (one for one in _render(_values("mtls")) if one["kind"] in {"Deployment", "Job"}):
        pod = deployment["spec"]["template"]["spec"]
        secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if volume["name"] == "kafka-certificate"}
        for container in pod["containers"]:
            settings = {entry["name"]: entry.get("value") for entry in container["env"]}
            mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert settings["ROMASHKA_KAFKA_CERTIFICATE_FILE"] == f"{mounted['kafka-certificate']}/tls.crt"
            assert settings["ROMASHKA_KAFKA_KEY_FILE"] == f"{mounted['kafka-certificate']}/tls.key"
        found[deployment["metadata"]["name"]] = secrets
    assert found.pop("romashka-collector") == {"romashka-collector"}
    assert found
    assert all(secrets == {"romashka"} for secrets in found.values()), found
    (keda,) = _of_kind(_render(_values("mtls")), "TriggerAuthentication")
    keys = {entry["parameter"]: (entry["name"], entry["key"]) for entry in keda["spec"]["secretTargetRef"]}
    assert (keys["cert"], keys["key"]) == (("romashka", "user.crt"), ("romashka", "user.key"))
