"""The BentoML model store: what is already there, and what is added.

``python -m conversion.store [TAG]`` makes a model the newest and prints its tag; without TAG
it prints the tag of the one that is the newest already. Without such a model it ends with 1.
"""

import contextlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException, NotFound

from errors import StartupError
from model_spec import MODEL_NAME, ONNX_FILE, ModelSpec

_FINGERPRINT = "fingerprint"
_TAG_HASH_DIGITS = 8


def find(fingerprint: str) -> str | None:
    """The tag of an intact model that was converted from just this, if there is one."""
    for model in bentoml.models.list():
        if (
            model.tag.name == MODEL_NAME
            and model.info.labels.get(_FINGERPRINT) == fingerprint
            and _intact(Path(model.path))
        ):
            return str(model.tag)
    return None


def make_newest(tag: str) -> None:
    """Have ``image_classifier:latest`` mean this model: what was asked for last is served next."""
    model = bentoml.models.get(tag)
    (Path(model.path).parent / "latest").write_text(str(model.tag.version), encoding="utf-8")


def newest() -> str | None:
    """The tag of the model that was asked for last; None in an empty store."""
    try:
        return str(bentoml.models.get(f"{MODEL_NAME}:latest").tag)
    except NotFound:
        return None


def save(folder: Path, spec: ModelSpec, fingerprint: str) -> str:
    """Add a model.

    Args:
        folder: holds every file of the model but the spec.
        spec: of the model.
        fingerprint: of all that it was converted from.

    Returns:
        Its tag, ``image_classifier:{architecture}-{precision}-{8 digits of sha256}``.
    """
    digits = spec.files[ONNX_FILE][:_TAG_HASH_DIGITS]
    tag = f"{MODEL_NAME}:{spec.architecture}-{spec.precision.value}-{digits}"
    with contextlib.suppress(NotFound):
        # The same graph from other circumstances: the spec may have changed.
        bentoml.models.delete(tag)
    with bentoml.models.create(
        tag, labels=_labels(spec, fingerprint), metadata=_metadata(spec)
    ) as model:
        shutil.copytree(folder, model.path, dirs_exist_ok=True)
        spec.save(Path(model.path))
    return tag


def _intact(folder: Path) -> bool:
    try:
        ModelSpec.load(folder)
    except StartupError:
        return False
    return True


def _labels(spec: ModelSpec, fingerprint: str) -> dict[str, str]:
    return {
        "architecture": spec.architecture,
        "precision": spec.precision.value,
        "pretrained": str(spec.weights.pretrained).lower(),
        _FINGERPRINT: fingerprint,
    }


def _metadata(spec: ModelSpec) -> dict[str, object]:
    """What ``bentoml models get`` shows."""
    content = spec.model_dump(mode="json", exclude_none=True)
    shown = ("labels", "opset", "preprocessing", "weights", "golden", "verification")
    return {name: content[name] for name in shown}


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    for tag in arguments:
        try:
            make_newest(tag)
        except (BentoMLException, ValueError) as error:
            print(f"error: no model {tag}: {error}", file=sys.stderr)
            return 1
    found = newest()
    if found:
        print(found)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
