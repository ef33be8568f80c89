"""``python -m conversion.explain_preprocessing TAG IMAGE``: what a model sees of a photograph.

One PNG shows the photograph with the crop outlined, what the model sees, and the numbers, which go
to standard output, too. The photograph is decoded and resized as the service does it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from batch.files import write_whole
from conversion import store
from conversion.errors import ConversionError
from conversion.preprocessing.explanation import explain
from conversion.preprocessing.picture import draw
from errors import ImageError, StartupError, reason_of
from model_spec import MODEL_NAME, ModelSpec
from preprocessing.isolated.messages import Setup
from settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        spec = ModelSpec.load(store.folder_of(parsed.tag))
        setup = Setup.from_settings(spec.preprocessing, load_settings())
        explanation = explain(parsed.image, parsed.tag, setup)
        picture = draw(explanation)
        write_whole(parsed.output, lambda file: picture.save(file, "PNG"))
        print("\n".join((*explanation.lines, f"picture: {parsed.output}")))
    except ImageError as error:
        print(f"error: {parsed.image}: {error.message}", file=sys.stderr)
        return 1
    except (ConversionError, StartupError, OSError) as error:
        print(f"error: {reason_of(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conversion.explain_preprocessing",
        description="Show what a model sees of a photograph, in one picture.",
    )
    parser.add_argument("tag", help=f"of the model store, such as {MODEL_NAME}:latest")
    parser.add_argument("image", type=Path, help="any file that the service takes")
    parser.add_argument(
        "--output",
        metavar="FILE.png",
        type=Path,
        default=Path("explained.png"),
        help="where the picture goes (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
