"""``python -m deploy.cerebrium.prepare FOLDER``: fill the folder that `cerebrium deploy` uploads.

The folder gets the Bento with its model, ``cerebrium.toml``, and the Dockerfile that BentoML
generates, with the ``CMD`` that Cerebrium needs to start the server.
"""

import argparse
import shutil
import sys
from pathlib import Path

import bentoml
from bentoml._internal.container import construct_containerfile
from bentoml.exceptions import BentoMLException

from errors import reason_of

_HERE = Path(__file__).parent

# Cerebrium starts CMD, so the image has no entrypoint. BENTO_PATH is set in the lines above.
_ADDED = """
ENV CLASSIFIER_DEVICE=cuda
ENTRYPOINT []
CMD ["/home/bentoml/bento/env/docker/entrypoint.sh", "serve", "--timeout-graceful-shutdown", "30"]
"""


def prepare(tag: str, folder: Path) -> None:
    """Fill a folder from a Bento.

    A BentoMLException without such a Bento, an OSError if the folder exists or cannot be written.
    If it fails, also by Ctrl-C, it leaves no folder.
    """
    bento = bentoml.bentos.get(tag)
    folder.mkdir(parents=True)
    try:
        _fill(folder, bento)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _fill(folder: Path, bento: bentoml.Bento) -> None:
    # Cerebrium does not document that it builds with BuildKit.
    with construct_containerfile(bento, enable_buildkit=False) as built:
        context, dockerfile = map(Path, built)
        shutil.copytree(context, folder, dirs_exist_ok=True)
        generated = dockerfile.read_text()
    (folder / "Dockerfile").write_text(generated.rstrip() + "\n" + _ADDED)
    shutil.copy(_HERE / "cerebrium.toml", folder)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.cerebrium.prepare")
    parser.add_argument("folder", type=Path, help="that does not exist yet")
    parser.add_argument("--bento", default="image_classifier:latest", help="tag")
    arguments = parser.parse_args()
    try:
        prepare(arguments.bento, arguments.folder)
    except (BentoMLException, OSError) as error:
        print(f"error: {reason_of(error)}", file=sys.stderr)
        return 2
    print(f"now: cd {arguments.folder} && cerebrium deploy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
