"""``python -m conversion.convert_to_onnx``: PyTorch model → ONNX → BentoML model store.

The log goes to standard error, the tag of the model to standard output.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batch.log import log_to_stderr
from conversion import store
from conversion.errors import ConversionError
from conversion.gate.arguments import add_arguments
from conversion.gate.photographs import split
from conversion.outputs.thresholds import read_thresholds
from conversion.photographs import GOLDEN, PHOTOGRAPHS, photograph_pixels
from conversion.preprocessing.overrides import add_options, from_options
from conversion.request import DEFAULT_OPSET, Request
from conversion.sources.lookup import DEFAULT
from conversion.sources.onnx_file import PREFIX as ONNX
from errors import StartupError, reason_of
from inference.sessions.openvino_session import require_bf16
from interrupts import INTERRUPTED
from model_spec import COMPARED, MODEL_NAME, ONNX_FILE, Activation, Golden, ModelSpec, Precision
from settings import load_settings

if TYPE_CHECKING:
    from conversion.original import Original

logger = logging.getLogger("image_classifier.conversion")

# Wide enough for TF32 and for another JPEG decoder, far too small for a wrong mean.
_GOLDEN_TOLERANCE = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.entry and not parsed.weights:
        parser.error("--entry needs --weights")
    if parsed.onnx and (parsed.weights or parsed.random_weights is not None):
        parser.error("--onnx brings its own weights")
    if (parsed.calibration or parsed.allowed) and Precision(parsed.precision) not in COMPARED:
        parser.error("--calibration and --allow-… are for --precision bf16 or int8")
    _log_all_to_stderr()
    try:
        request = Request(
            architecture=f"{ONNX}{parsed.onnx}" if parsed.onnx else parsed.architecture,
            location=parsed.weights,
            entry=parsed.entry,
            seed=parsed.random_weights,
            labels_file=parsed.labels,
            precision=Precision(parsed.precision),
            opset=parsed.opset,
            given=from_options(parsed),
            activation=Activation(parsed.activation) if parsed.activation else None,
            threshold=parsed.threshold,
            calibration=parsed.calibration,
            allowed=frozenset(parsed.allowed),
        )
        print(convert(request))
    except (ConversionError, StartupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a full disk
        where = f"temporary files go to {tempfile.gettempdir()}; TMPDIR can name another folder"
        print(f"error: {reason_of(error)}; {where}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was saved", file=sys.stderr)
        return INTERRUPTED
    return 0


def convert(request: Request) -> str:
    """Convert, verify and save a model; if the same request was converted before, find that model.

    Returns:
        The tag of the model in the model store.

    Raises:
        ConversionError: nothing was saved.
        StartupError: a setting is wrong, or this machine cannot have it.
    """
    tag = store.find(request.fingerprint)
    if tag:
        logger.info("already converted: %s", tag)
        try:
            store.make_newest(tag)
        except ConversionError as error:
            logger.warning("%s; %s:latest means another model", error, MODEL_NAME)
        return tag
    store.check_writable()
    if request.precision is Precision.BF16:
        require_bf16(load_settings().device)
    # torch takes seconds to import.
    from conversion.original import original_of
    from conversion.preprocessing.exactness import with_pixels_it_needs

    _, weights = request.weights_file
    logger.info("converting %s (%s)", request.source.name, weights.source)
    original = with_pixels_it_needs(original_of(request), request.given, request.precision)
    if request.precision in COMPARED and request.calibration:
        split(request.calibration, original.labels)  # refuses a folder before the export
    thresholds = read_thresholds(request.threshold, original.labels) if request.threshold else ()
    with tempfile.TemporaryDirectory() as name:
        folder, spec = _made(original, request, Path(name))
        spec = spec.model_copy(update={"thresholds": thresholds})
        tag = store.save(folder, spec, request.fingerprint)
    logger.info("saved %s", tag)
    return tag


def _made(original: "Original", request: Request, workspace: Path) -> tuple[Path, ModelSpec]:
    """Write the model's files into a folder in the workspace."""
    exported, made = workspace / "exported", workspace / "made"
    exported.mkdir()
    if request.precision not in COMPARED:
        return exported, _export(original, request, request.precision, exported)
    from conversion.quantization.lower import lowered

    _export(original, request, Precision.FP32, exported).save(exported)
    made.mkdir()
    spec = lowered(exported, made, request.precision, request.calibration, request.allowed)
    return made, spec


def _export(
    original: "Original", request: Request, precision: Precision, folder: Path
) -> ModelSpec:
    """Write the model's files into a folder and verify them."""
    from conversion.explanation.verify import explanation_of
    from conversion.graph import export, verify
    from conversion.graph.half import halved
    from conversion.outputs.embedding import add_embedding

    network, preprocessing, labels = original.network, original.preprocessing, original.labels
    properties = {
        "preprocessing": preprocessing.model_dump_json(exclude={"source"}),
        "labels": json.dumps(labels, ensure_ascii=False),
    }
    proto = request.source.exported(network, preprocessing, request.opset, original.activation)
    if precision is Precision.FP16:
        proto = halved(proto)
    pixels = photograph_pixels(preprocessing)
    fused = not request.source.name.startswith(ONNX)
    model = verify.PyTorchModel(network, preprocessing, len(labels), original.activation, fused)
    embeddings = model.embeddings(pixels[:1])
    embedding = None if embeddings is None else add_embedding(proto, embeddings.shape[1])
    files = export.save(proto, folder, properties)
    verification, embedding = verify.verify(folder / ONNX_FILE, model, pixels, precision, embedding)
    logger.info(
        "verified on %d images, batches of %s: max probability difference %.3g (limit %g), "
        "top-1 agreement %.1f %%",
        verification.inputs,
        " and ".join(map(str, verification.batch_sizes)),
        verification.max_abs_diff,
        verification.limit,
        100 * verification.top1_agreement,
    )
    explanation = explanation_of(folder, pixels, precision, len(labels))
    index = PHOTOGRAPHS.index(GOLDEN)
    answer = model.probabilities(pixels[index : index + 1])[0]
    shutil.copy(GOLDEN, folder)
    return ModelSpec(
        architecture=request.source.name,
        precision=precision,
        opset=export.opset_of(proto),
        input_name=export.INPUT_NAME,
        output_name=export.OUTPUT_NAME,
        preprocessing=preprocessing,
        weights=original.weights,
        verification=verification,
        golden=Golden(
            file=GOLDEN.name,
            class_id=int(answer.argmax()),
            confidence=float(answer.max()),
            tolerance=_GOLDEN_TOLERANCE,
        ),
        files=files | export.hashes(folder, GOLDEN.name, *explanation.files),
        labels=labels,
        activation=original.activation,
        multi_label=original.multi_label,
        embedding=embedding,
        explanation=explanation,
    )


def _log_all_to_stderr() -> None:
    # ONNX Runtime's quantization logs to the root logger, which would then add a handler.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("image_classifier").setLevel(logging.INFO)
    log_to_stderr()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conversion.convert_to_onnx",
        description="Convert a PyTorch image classifier to ONNX and save it in the model store.",
    )
    parser.add_argument(
        "--architecture",
        default=DEFAULT,
        help=f"{DEFAULT} (default), resnet50 or any torchvision classifier, timm/NAME, "
        "hf:FOLDER_OR_NAME of transformers or timm, or PACKAGE.MODULE:FUNCTION of your own in the "
        "current folder, called with num_classes",
    )
    parser.add_argument(
        "--onnx",
        metavar="FILE",
        help="instead of an architecture: a network that takes float32 [N, 3, height, width]",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--weights",
        metavar="PATH|FOLDER|URL",
        help="your own state_dict or checkpoint, of torch.save or safetensors; "
        "default: the published weights",
    )
    weights.add_argument(
        "--random-weights",
        metavar="SEED",
        type=int,
        help="no real weights: for tests and benchmarks only",
    )
    parser.add_argument(
        "--entry",
        metavar="NAME",
        help="of your checkpoint, such as model_ema; needed if several entries fit the network",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="your own class names: one per line, or JSON (a list, or an object from class id "
        "to name or from name to class id); default: the published weights' labels",
    )
    parser.add_argument(
        "--precision",
        choices=[each.value for each in Precision],
        default=Precision.FP32.value,
        help="arithmetic of the exported network (default: %(default)s)",
    )
    add_arguments(parser)
    parser.add_argument(
        "--activation",
        choices=[each.value for each in Activation],
        help="that the network was trained with; sigmoid: several labels at once, or two classes "
        "by one output (default: as transformers' configuration says, else softmax)",
    )
    parser.add_argument(
        "--threshold",
        metavar="NUMBER|FILE",
        help="least confidence of a decision, for all classes, or a JSON file with one per class",
    )
    parser.add_argument(
        "--opset",
        type=int,
        default=DEFAULT_OPSET,
        help="version of the ONNX operators, at least %(default)s, the default",
    )
    add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
