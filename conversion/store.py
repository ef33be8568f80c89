"""The BentoML model store: finds and adds models.

``python -m conversion.store [TAG]`` makes a model the newest and prints its tag; without TAG
it prints the tag of the newest. It ends with 1 if there is no such model.

Every function raises ConversionError if the store cannot be read or written.
"""

import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException, NotFound

from conversion.errors import ConversionError
from errors import StartupError, reason_of
from model_spec import MODEL_NAME, ModelSpec

_FINGERPRINT = "fingerprint"
_TAG_HASH_DIGITS = 8
# Of an architecture in a tag, whose version has 63 at most, with precision, digits and hyphens.
_MOST_CHARACTERS = 48


def find(fingerprint: str) -> str | None:
    """The tag of an intact model with this fingerprint, if there is one. Writes nothing."""
    with _refusing("read"):
        folders = sorted(_models_folder().glob("*/"))
        for folder in folders:
            # A conversion that was killed leaves a folder that BentoML cannot load.
            with contextlib.suppress(BentoMLException):
                model = bentoml.models.get(f"{MODEL_NAME}:{folder.name}")
                if model.info.labels.get(_FINGERPRINT) == fingerprint and _intact(folder):
                    return str(model.tag)
    return None


def check_writable() -> None:
    """Write a file into the model store and remove it."""
    folder = _models_folder()
    with _refusing("written"):
        # BentoML makes this folder with the first model: an empty one is not left behind.
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass


def make_newest(tag: str) -> None:
    """Let ``image_classifier:latest`` mean this model, which was asked for last.

    Raises:
        ConversionError: there is no such model.
    """
    folder = folder_of(tag)
    latest = folder.parent / "latest"
    with _refusing("written"):
        if not latest.exists() or latest.read_text(encoding="utf-8").strip() != folder.name:
            latest.write_text(folder.name, encoding="utf-8")


def newest() -> str | None:
    """The tag of the model that was asked for last; None in an empty store."""
    with _refusing("read"):
        try:
            return str(bentoml.models.get(f"{MODEL_NAME}:latest").tag)
        except NotFound:
            return None


def folder_of(tag: str) -> Path:
    """The folder of a model's files.

    Raises:
        ConversionError: there is no such model.
    """
    try:
        return Path(bentoml.models.get(tag).path)
    except NotFound as error:
        told = "those there are: bentoml models list"
        raise ConversionError(f"no model {tag} in the model store; {told}") from error
    except (BentoMLException, ValueError, OSError) as error:
        raise ConversionError(f"no model {tag}: {error}") from error


def fingerprint_of(tag: str) -> str:
    """Of everything that a model was converted from.

    Raises:
        BentoMLException: there is no such model.
    """
    return str(bentoml.models.get(tag).info.labels.get(_FINGERPRINT))


def save(folder: Path, spec: ModelSpec, fingerprint: str) -> str:
    """Add a model, whose folder holds every file but the spec.

    A model of the same tag, from another request, is replaced: where it came from may differ.

    Returns:
        The tag, ``image_classifier:{architecture}-{precision}-{8 digits}``. The digits are from the
        sha256 of all that answers and drift depend on, so that another model gets another tag.
    """
    version = f"{_slug(spec.architecture)}-{spec.precision.value}-{_digits(spec)}"
    tag, labels = f"{MODEL_NAME}:{version}", _labels(spec, fingerprint)
    with (
        _refusing("written"),
        _replaced(_models_folder() / version),
        bentoml.models.create(tag, labels=labels, metadata=_metadata(spec)) as model,
    ):
        shutil.copytree(folder, model.path, dirs_exist_ok=True)
        spec.save(Path(model.path))
    return tag


@contextlib.contextmanager
def _replaced(model: Path) -> Iterator[None]:
    """Replace a model's folder in the block; if the block fails, the folder is as it was.

    BentoML itself leaves half a folder behind after Ctrl-C.
    """
    # Not in the store, where BentoML takes every folder for a model.
    old = model.parents[2] / f"{model.name}.replaced"
    shutil.rmtree(old, ignore_errors=True)
    if model.exists():
        model.rename(old)
    try:
        yield
    except BaseException:
        shutil.rmtree(model, ignore_errors=True)
        if old.exists():
            old.rename(model)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _slug(architecture: str) -> str:
    """An architecture as BentoML's tags may have it: ``timm/resnet18`` → ``timm-resnet18``."""
    slug = re.sub(r"[^a-z0-9._]+", "-", architecture.lower())[:_MOST_CHARACTERS]
    return slug.strip("-._")


def _digits(spec: ModelSpec) -> str:
    answers_depend_on = spec.model_dump_json(
        include={"files", "labels", "preprocessing"}, exclude={"preprocessing": {"source"}}
    )
    if spec.reference:
        answers_depend_on += spec.model_dump_json(include={"reference"})
    if spec.comparison:
        # One graph may be made for two devices: its golden answer and its gate are of one.
        answers_depend_on += spec.model_dump_json(include={"comparison": {"device"}})
    if spec.thresholds:
        answers_depend_on += spec.model_dump_json(include={"thresholds"})
    return hashlib.sha256(answers_depend_on.encode()).hexdigest()[:_TAG_HASH_DIGITS]


def _models_folder() -> Path:
    """Of all versions of our model. Where BentoML keeps it: its documented BENTOML_HOME."""
    home = os.path.expandvars(os.environ.get("BENTOML_HOME", "~/bentoml"))
    return Path(home).expanduser() / "models" / MODEL_NAME


@contextlib.contextmanager
def _refusing(done: str) -> Iterator[None]:
    try:
        yield
    except (OSError, BentoMLException) as error:
        reason = (isinstance(error, OSError) and error.strerror) or reason_of(error)
        raise ConversionError(
            f"the model store {_models_folder().parent} cannot be {done} ({reason}); "
            "BENTOML_HOME names its parent folder"
        ) from error


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
    compared = ("comparison",) if spec.comparison else ()
    return {name: content[name] for name in (*shown, *compared)}


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    try:
        for tag in arguments:
            make_newest(tag)
        found = newest()
    except ConversionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if found:
        print(found)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
