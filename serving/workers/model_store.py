"""``python -m serving.workers.model_store TAG``: checks that the model store has the model."""

import sys

import bentoml
from bentoml.exceptions import BentoMLException, NotFound

from errors import StartupError
from serving.workers.command import status_of


def stored_model(tag: str) -> bentoml.Model:
    """The model from the model store.

    Raises:
        StartupError: there is no such model, or the tag is malformed.
    """
    try:
        return bentoml.models.get(tag)
    except NotFound as error:
        raise StartupError(
            f"no model {tag} in the model store; make one with: "
            "python -m conversion.convert_to_onnx --architecture efficientnet_lite0"
        ) from error
    except (BentoMLException, ValueError) as error:
        raise StartupError(f"{tag} is no tag of one model: {error}") from error


if __name__ == "__main__":
    sys.exit(status_of(stored_model, sys.argv[1:]))
