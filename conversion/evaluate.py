"""``python -m conversion.evaluate``: how good a converted model is on a folder of photographs.

The photographs go through the service's own decoding, resizing and session, on the device of
``CLASSIFIER_DEVICE`` and with its other settings. The result goes to standard output, progress to
standard error.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from batch.classification.model import Model
from batch.files import check_writable, write_whole
from batch.log import log_to_stderr
from conversion import store
from conversion.errors import ConversionError
from conversion.evaluation.calibration import calibrate
from conversion.evaluation.comparison import compare
from conversion.evaluation.labels import LabelledFolder, read_folder
from conversion.evaluation.page import page
from conversion.evaluation.report import Evaluated, Report, lines
from conversion.evaluation.run import Run, opened, run
from conversion.evaluation.scores import scores
from conversion.outputs.storing import store_calibrated, store_reference
from conversion.progress import progress
from errors import ClassifierError, StartupError, reason_of
from inference.answers.drift import reference_of
from interrupts import INTERRUPTED
from model_spec import MODEL_NAME, ModelSpec
from settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    log_to_stderr()
    try:
        for path in filter(None, (parsed.json, parsed.html)):
            check_writable(path)
        report, found = evaluate(
            parsed.folder,
            parsed.model,
            parsed.against,
            unlabelled=parsed.store_reference,
            precision=parsed.at_precision,
        )
        if parsed.json:
            _write(parsed.json, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
        if parsed.html:
            _write(parsed.html, page(report, found.mistakes))
        print("\n".join(lines(report)))
        if parsed.store:
            print(f"\nwith that temperature: {_stored_calibrated(report.models[0])}")
        if parsed.store_reference:
            print(f"\nwith these answers as reference: {_stored(report.models[0].tag, found)}")
    except (ConversionError, StartupError, ClassifierError, OSError) as error:
        print(f"error: {reason_of(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: no file is half written", file=sys.stderr)
        return INTERRUPTED
    return 0


def evaluate(
    folder: Path,
    tag: str,
    against: str | None = None,
    *,
    unlabelled: bool = False,
    precision: float | None = None,
) -> tuple[Report, Run]:
    """Classify the photographs of a folder and compare a model's answers with their labels.

    Args:
        against: tag of a model with the same classes, to compare it with.
        unlabelled: whether photographs are useful even if none has a label.
        precision: that a threshold must reach, 0…1.

    Raises:
        ConversionError: there is no such model, nothing to evaluate, or the models have different
            classes.
        StartupError: a model cannot be loaded.
    """
    folders = [store.folder_of(each) for each in (tag, against) if each]
    labels = [ModelSpec.load(each).labels for each in folders]
    if labels[0] != labels[-1]:
        raise ConversionError(
            f"{tag} and {against} have different classes: they cannot be compared"
        )
    photographs = read_folder(folder, labels[0])
    needs_labels = against is None and not unlabelled
    if needs_labels and all(each.class_id is None for each in photographs.photographs):
        unlabelled_folder = (
            f"no photograph in {folder} has a label: put them into folders named after the "
            "classes, or add labels.csv with the columns file and label"
        )
        raise ConversionError("; ".join((unlabelled_folder, *photographs.notes)))
    settings = load_settings()
    models = [opened(each, settings) for each in folders]
    with progress("classifying", len(photographs.photographs)) as advance:
        found = asyncio.run(run(photographs.photographs, models, advance))
    if not found.predictions[0]:
        raise ConversionError(f"none of the photographs in {folder} was classified: {found.failed}")
    return _report(folder, photographs, models, found, precision), found


def _stored(tag: str, found: Run) -> str:
    """Store the answers of the first model as its reference; returns the new tag."""
    answers = [(each.best[0], each.confidence) for each in found.predictions[0]]
    return store_reference(tag, reference_of(answers))


def _stored_calibrated(evaluated: Evaluated) -> str:
    """Save a model again with the temperature and the threshold that were found; returns its tag.

    Raises:
        ConversionError: no temperature or threshold was found, or the model cannot be saved.
    """
    found = evaluated.calibration
    if found is None:
        raise ConversionError(
            "not stored: no temperature was fitted; that takes 40 labelled photographs, and a "
            "model with one class for each image"
        )
    if found.is_at_an_end:
        raise ConversionError("not stored: the best temperature is the last one that was tried")
    threshold = found.calibrated_threshold
    if found.precision is not None and threshold is None:
        raise ConversionError(f"not stored: no threshold reaches {found.precision:.2%}")
    thresholds = (threshold.value,) if threshold else ()
    return store_calibrated(evaluated.tag, found.temperature, thresholds)


def _report(
    folder: Path,
    labelled: LabelledFolder,
    models: Sequence[Model],
    found: Run,
    precision: float | None,
) -> Report:
    labels = models[0].session.spec.labels
    return Report(
        folder=str(folder),
        labels_from=labelled.source,
        notes=labelled.notes,
        photographs=len(labelled.photographs),
        unlabelled=sum(each.class_id is None for each in labelled.photographs),
        failures=dict(found.failures),
        models=tuple(
            Evaluated(
                tag=model.tag,
                device=model.session.device.value,
                pretrained=model.session.spec.weights.pretrained,
                images_per_second=model.answers / model.seconds,
                scores=scores(predictions, len(labels)),
                # A folder names only one of an image's several labels.
                calibration=None
                if model.session.spec.multi_label
                else calibrate(predictions, precision),
            )
            for model, predictions in zip(models, found.predictions, strict=True)
        ),
        comparison=compare(*found.predictions) if len(models) > 1 else None,
        labels=labels,
    )


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode()))


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("it must be above 0 and at most 1, such as 0.95")
    return share


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conversion.evaluate",
        description="Evaluate a converted model on a folder of photographs.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        help="photographs and their labels: folders named after the classes, a CSV file with the "
        "columns file and label or class_id, or ImageNet's file names",
    )
    parser.add_argument(
        "--model",
        metavar="TAG",
        default=f"{MODEL_NAME}:latest",
        help="of the model store (default: %(default)s)",
    )
    parser.add_argument("--against", metavar="TAG", help="another model of the same classes")
    parser.add_argument(
        "--at-precision",
        metavar="SHARE",
        type=_share,
        help="find the threshold above which this share of the answers is right, such as 0.95",
    )
    storing = parser.add_mutually_exclusive_group()
    storing.add_argument(
        "--store",
        action="store_true",
        help="save the model again with the temperature, and with the threshold of --at-precision",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the result as JSON")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page that shows the mistakes"
    )
    storing.add_argument(
        "--store-reference",
        action="store_true",
        help="save the model again with these answers as the reference for drift",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
