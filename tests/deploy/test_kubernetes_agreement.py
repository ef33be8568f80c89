"""The manifests say what the code says."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.container.generate import BENTO_UID_GID
from prometheus_client.parser import text_string_to_metric_families

from harness import servers
from harness.toys import RED, encoded
from inference.batching.batch_size import Sizes
from serving.workers import sizing
from serving.workers.supervisor import KILL_SECONDS
from settings import PREFIX, Device, Settings, load_settings
from tests.support.commands import grace_of
from tests.support.kustomized import OVERLAYS, container, manifest, pod, render, trigger

both = pytest.mark.parametrize("overlay", OVERLAYS)


def variables(overlay: str) -> dict[str, str]:
    """What the container gets from its ConfigMap."""
    (source,) = container(overlay)["envFrom"]
    config = manifest(overlay, "ConfigMap")
    assert source["configMapRef"]["name"] == config["metadata"]["name"]
    return dict(config["data"])


def budget(probe: dict[str, Any]) -> int:
    """Seconds a probe may fail before something is done."""
    return int(probe["periodSeconds"] * probe["failureThreshold"])


@both
def test_the_image_is_the_overlays_own(overlay: str) -> None:
    assert container(overlay)["image"] == f"image_classifier:{overlay}"


@both
def test_the_port_is_the_one_that_is_listened_on(overlay: str) -> None:
    (port,) = container(overlay)["ports"]
    assert port == {"name": "http", "containerPort": BentoMLContainer.http.port.get()}
    (service,) = manifest(overlay, "Service")["spec"]["ports"]
    assert service["targetPort"] == "http"
    (rule,) = manifest(overlay, "NetworkPolicy")["spec"]["ingress"]
    assert rule["ports"] == [{"port": "http"}]
    (endpoint,) = manifest(overlay, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] == service["name"]


@both
def test_every_selector_selects_the_pods(overlay: str) -> None:
    deployment = manifest(overlay, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    matching = [
        deployment["selector"],
        manifest(overlay, "PodDisruptionBudget")["spec"]["selector"],
        manifest(overlay, "NetworkPolicy")["spec"]["podSelector"],
        *(each["labelSelector"] for each in pod(overlay)["topologySpreadConstraints"]),
    ]
    assert all(each == {"matchLabels": labels} for each in matching)
    service = manifest(overlay, "Service")
    assert service["spec"]["selector"] == labels
    monitor = manifest(overlay, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitor.items() <= service["metadata"]["labels"].items()
    target = manifest(overlay, "ScaledObject")["spec"]["scaleTargetRef"]["name"]
    assert target == manifest(overlay, "Deployment")["metadata"]["name"]


@both
def test_everything_is_in_the_one_namespace(overlay: str) -> None:
    name = manifest(overlay, "Namespace")["metadata"]["name"]
    others = [each for each in render(overlay) if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in others} == {name}
    assert f'namespace="{name}"' in trigger(overlay)["query"]
    assert (
        f'service="{manifest(overlay, "Service")["metadata"]["name"]}"' in trigger(overlay)["query"]
    )


@both
def test_settings_are_settings_and_have_values_they_take(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secret,) = container(overlay)["env"]
    names = {name for name in (*variables(overlay), secret["name"]) if name.startswith(PREFIX)}
    assert names <= {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    for name, value in variables(overlay).items():
        monkeypatch.setenv(name, value)
    assert load_settings().device.value == {"cpu": "cpu", "gpu": "cuda"}[overlay]


@both
def test_requests_in_flight_are_answered_before_the_pod_is_killed(overlay: str) -> None:
    grace = grace_of(container(overlay)["args"][1:])
    assert f"\nGRACE := {grace}\n" in (servers.PROJECT / "Makefile").read_text()
    assert grace >= Settings().deadline
    announced = container(overlay)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(variables(overlay)["CLASSIFIER_DRAIN_MS"]) / 1000
    assert pod(overlay)["terminationGracePeriodSeconds"] == announced + drain + grace + 5


@both
def test_probes_leave_the_service_time_to_help_itself(overlay: str) -> None:
    probes = container(overlay)
    replaced = KILL_SECONDS + 20  # a hanging worker is killed, and another one loads the model
    assert budget(probes["livenessProbe"]) > replaced
    assert budget(probes["readinessProbe"]) < budget(probes["livenessProbe"])
    progress = manifest(overlay, "Deployment")["spec"]["progressDeadlineSeconds"]
    assert replaced < budget(probes["startupProbe"]) < progress


@both
def test_the_pod_is_one_that_the_restricted_profile_takes(overlay: str) -> None:
    labels = manifest(overlay, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod(overlay)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": BENTO_UID_GID,
        "runAsGroup": BENTO_UID_GID,
        "fsGroup": BENTO_UID_GID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)


@both
def test_what_is_written_is_written_to_the_volume(overlay: str) -> None:
    (mount,) = container(overlay)["volumeMounts"]
    (volume,) = pod(overlay)["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/tmp")
    assert variables(overlay)["BENTOML_HOME"].startswith("/tmp/")


@both
def test_a_pod_gets_what_it_asks_for(overlay: str) -> None:
    resources = container(overlay)["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["cpu"].isdigit()  # a worker for each: serving/workers/sizing.py
    assert ("nvidia.com/gpu" in resources["limits"]) is (overlay == "gpu")


@pytest.mark.slow
def test_the_containers_own_command_serves_and_ends_in_good_order(tmp_path: Path) -> None:
    port = servers.free_port()
    settings = {name: value for name, value in variables("cpu").items() if name != "BENTOML_HOME"}
    address = {"BENTOML_HOST": "127.0.0.1", "BENTOML_PORT": str(port), "CLASSIFIER_WORKERS": "1"}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            # As the entrypoint of BentoML's images.
            [*servers.ENDS_WITH_US, servers.BENTOML, *container("cpu")["args"], "."],
            cwd=servers.PROJECT,
            env=servers.environment(servers.toy_home(tmp_path), tmp_path, settings | address),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = servers.Server(f"http://127.0.0.1:{port}", process, log, tmp_path)
    try:
        servers.wait_until_ready(server, container("cpu")["startupProbe"]["httpGet"]["path"])
        with httpx.Client(base_url=server.url, timeout=20) as client:
            assert "connection" not in client.post("/classify", content=encoded(RED)).headers
            process.send_signal(signal.SIGTERM)
            servers.wait_until_ready(
                server, container("cpu")["readinessProbe"]["httpGet"]["path"], 503
            )
            last = client.post("/classify", content=encoded(RED))
            assert (last.status_code, last.headers["connection"]) == (200, "close")
        assert process.wait(pod("cpu")["terminationGracePeriodSeconds"]) == 0
    finally:
        process.kill()


@pytest.mark.slow
def test_probed_paths_are_answered(served: httpx.Client) -> None:
    probes = container("cpu")
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert served.get(probes[name]["httpGet"]["path"]).status_code == 200


@pytest.mark.slow
def test_the_metric_that_is_asked_for_is_a_gauge_of_the_service(served: httpx.Client) -> None:
    assert served.post("/classify", content=encoded(RED)).status_code == 200
    (endpoint,) = manifest("cpu", "ServiceMonitor")["spec"]["endpoints"]
    families = list(text_string_to_metric_families(served.get(endpoint["path"]).text))
    types = {family.name: family.type for family in families}
    (asked,) = set(re.findall(r"image_classifier_\w+", trigger("cpu")["query"]))
    assert types[asked] == "gauge"
    labels = {"namespace", "service"}  # Prometheus' own, which honorLabels would let us replace
    for family in families:
        assert not any(labels & set(sample.labels) for sample in family.samples), family.name


def test_the_gpus_threshold_is_half_a_batch_for_each_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpus = int(container("gpu")["resources"]["limits"]["cpu"])
    monkeypatch.setattr(sizing, "usable_cpus", lambda: cpus)
    monkeypatch.setattr(sizing, "count_gpus", lambda: 1)
    largest = sizing.runner_options(Settings(), Device.CUDA, lambda: Sizes(4, 4)).max_batch_size
    assert float(trigger("gpu")["threshold"]) == sizing.workers(Settings()) * largest / 2
