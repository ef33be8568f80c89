"""``python with_openvino.py BENTOFILE``: print a CPU bentofile with OpenVINO as the engine.

It gets the packages of the extra ``openvino``, and OpenVINO as the device.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
DEVICE = {"name": "CLASSIFIER_DEVICE", "value": "cpu"}


def with_openvino(bentofile: dict[str, Any]) -> dict[str, Any]:
    """The content of a bentofile with OpenVINO instead of ONNX Runtime on the CPU."""
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    packages = [*bentofile["python"]["packages"], *extras["optional-dependencies"]["openvino"]]
    envs = [{**DEVICE, "value": "openvino"} if env == DEVICE else env for env in bentofile["envs"]]
    return {
        **bentofile,
        "python": {**bentofile["python"], "packages": sorted(packages)},
        "envs": envs,
    }


if __name__ == "__main__":
    content = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(yaml.safe_dump(with_openvino(content), sort_keys=False))
