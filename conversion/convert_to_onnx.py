"""``python -m conversion.convert_to_onnx``: PyTorch model → ONNX → BentoML model store.

What happens goes to standard error, the tag of the model to standard output.
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

from conversion import store
from conversion.architectures import EFFICIENTNET_LITE0, Architecture, get_architecture
from conversion.errors import ConversionError
from conversion.photographs import GOLDEN, PHOTOGRAPHS, photograph_pixels
from conversion.request import Request, Wanted, make_request
from conversion.weights import fill, load_state_dict
from model_spec import ONNX_FILE, Golden, ModelSpec, Precision, sha256_of_file

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger("image_classifier.conversion")

# PyTorch's exporter writes this version itself; later ones are converted from it.
DEFAULT_OPSET = 18

_INTERRUPTED = 130  # as shells count SIGINT

# Wide enough for TF32 and for another JPEG decoder, far too small for a wrong mean.
_GOLDEN_TOLERANCE = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    _log_to_stderr()
    try:
        wanted = Wanted(
            architecture=parsed.architecture,
            location=parsed.weights,
            seed=parsed.random_weights,
            labels_file=parsed.labels,
            precision=Precision(parsed.precision),
            opset=parsed.opset,
        )
        print(convert(make_request(wanted)))
    except ConversionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was saved", file=sys.stderr)
        return _INTERRUPTED
    return 0


def convert(request: Request) -> str:
    """Convert, verify and save; does nothing if just this was converted before.

    Returns:
        The tag of the model in the model store.

    Raises:
        ConversionError: nothing was saved.
    """
    tag = store.find(request.fingerprint)
    if tag:
        logger.info("already converted: %s", tag)
        store.make_newest(tag)
        return tag
    logger.info("converting %s (%s)", request.architecture, request.weights.source)
    architecture = get_architecture(request.architecture)
    labels = request.labels or architecture.labels
    if request.published and len(labels) != len(architecture.labels):
        raise ConversionError(
            f"{len(labels)} labels do not fit the published weights, which tell "
            f"{len(architecture.labels)} classes apart; add --weights with your own"
        )
    network = _network(architecture, request, len(labels))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = _export(network, architecture, request, labels, folder)
        tag = store.save(folder, spec, request.fingerprint)
    logger.info("saved %s", tag)
    return tag


def _network(architecture: Architecture, request: Request, classes: int) -> "nn.Module":
    """The network in eval mode, with the weights that were asked for."""

    if request.published and request.path:
        return architecture.build_published(request.path).eval()
    if request.path is None:
        logger.warning("random weights (pretrained: false): the answers will mean nothing")
        return _random_network(architecture, request.seed or 0, classes).eval()
    state = load_state_dict(request.path)
    network = architecture.build(classes, frozenset(state))
    fill(network, state, request.path.name, classes)
    return network.eval()


def _random_network(architecture: Architecture, seed: int, classes: int) -> "nn.Module":
    import torch

    from conversion import verify
    from conversion.random_weights import enliven

    torch.manual_seed(seed)
    network = architecture.build(classes, frozenset())
    pixels = verify.with_noise(photograph_pixels(architecture.preprocessing))
    return enliven(network, verify.normalised(pixels, architecture.preprocessing))


def _export(
    network: "nn.Module",
    architecture: Architecture,
    request: Request,
    labels: tuple[str, ...],
    folder: Path,
) -> ModelSpec:
    """Write the model's files into a folder and verify them."""
    from conversion import export, verify

    preprocessing = architecture.preprocessing
    properties = {
        "preprocessing": preprocessing.model_dump_json(),
        "labels": json.dumps(labels, ensure_ascii=False),
    }
    files = export.save(export.export(network, preprocessing, request.opset), folder, properties)
    pixels = photograph_pixels(preprocessing)
    model = verify.PyTorchModel(network, preprocessing, len(labels))
    verification = verify.verify(folder / ONNX_FILE, model, pixels, request.precision)
    logger.info(
        "verified on %d images, batches of %s: max probability difference %.3g (limit %g), "
        "top-1 agreement %.1f %%",
        verification.inputs,
        " and ".join(map(str, verification.batch_sizes)),
        verification.max_abs_diff,
        verification.limit,
        100 * verification.top1_agreement,
    )
    index = PHOTOGRAPHS.index(GOLDEN)
    answer = model.probabilities(pixels[index : index + 1])[0]
    shutil.copy(GOLDEN, folder)
    return ModelSpec(
        architecture=request.architecture,
        precision=request.precision,
        opset=request.opset,
        input_name=export.INPUT_NAME,
        output_name=export.OUTPUT_NAME,
        preprocessing=preprocessing,
        weights=request.weights,
        verification=verification,
        golden=Golden(
            file=GOLDEN.name,
            class_id=int(answer.argmax()),
            confidence=float(answer.max()),
            tolerance=_GOLDEN_TOLERANCE,
        ),
        files={**files, GOLDEN.name: sha256_of_file(GOLDEN)},
        labels=labels,
    )


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("image_classifier")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conversion.convert_to_onnx",
        description="Convert a PyTorch image classifier to ONNX and save it in the model store.",
    )
    parser.add_argument(
        "--architecture",
        default=EFFICIENTNET_LITE0,
        help=f"{EFFICIENTNET_LITE0} (default), resnet50, or any torchvision classifier",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--weights",
        metavar="PATH|URL",
        help="your own state_dict, .pth or .safetensors; default: the published weights",
    )
    weights.add_argument(
        "--random-weights",
        metavar="SEED",
        type=int,
        help="no real weights: for tests and benchmarks only",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="your own class names, one per line; default: the published weights' labels",
    )
    parser.add_argument(
        "--precision",
        choices=[each.value for each in Precision],
        default=Precision.FP32.value,
        help="arithmetic of the exported network (default: %(default)s)",
    )
    parser.add_argument(
        "--opset",
        type=int,
        default=DEFAULT_OPSET,
        help="version of the ONNX operators, at least %(default)s, the default",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
