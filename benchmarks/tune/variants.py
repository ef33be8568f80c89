"""The models of a store that may stand in for another: the same network in another precision."""

from benchmarks.measurement.measure import note
from benchmarks.measurement.models import Model
from benchmarks.tune.candidates import Variant
from errors import StartupError
from model_comparison import Shortcoming
from model_spec import MODEL_NAME, ONNX_FILE, SPEC_FILE, ModelSpec, Precision

_OF_A_PRECISION = {
    *("precision", "opset", "verification", "golden", "files", "explanation", "comparison")
}
"""Fields of a spec that may differ; what a client asks for may not."""


def variants(model: Model) -> list[Variant]:
    """The variants of a model in its store, the newest first, each graph once.

    What is not shown to be as accurate as fp32 is left out, and it is said. A graph that was made
    for two devices is in the store twice; every variant is tried on all devices.
    """
    spec = ModelSpec.load(model.folder)
    found = dict[tuple[Precision, str], Variant]()
    for tag, other in _others(model):
        if _network(other) != _network(spec):
            continue
        if Shortcoming.LESS_ACCURATE in other.shortcomings:
            note(f"{tag}: left out: it is not shown to be as accurate as fp32")
        else:
            graph = other.precision, other.files[ONNX_FILE]
            found.setdefault(graph, Variant(tag, other.precision))
    return list(found.values())


def _others(model: Model) -> list[tuple[str, ModelSpec]]:
    """All other models of the store that can be read."""
    found = list[tuple[str, ModelSpec]]()
    files = model.folder.parent.glob(f"*/{SPEC_FILE}")
    for file in sorted(files, key=lambda each: each.stat().st_mtime, reverse=True):
        tag = f"{MODEL_NAME}:{file.parent.name}"
        if tag != model.tag:
            try:
                found.append((tag, ModelSpec.load(file.parent)))
            except StartupError as error:
                note(f"{tag}: left out: {error}")
    return found


def _network(spec: ModelSpec) -> dict[str, object]:
    return spec.model_dump(exclude=_OF_A_PRECISION)
