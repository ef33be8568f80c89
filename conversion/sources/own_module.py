"""A network that the user's own code makes: ``PACKAGE.MODULE:FUNCTION``.

The code is imported from the current folder, and at conversion only.
"""

import sys
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from conversion.errors import ConversionError, first_line
from conversion.sources.source import USUAL_SIDE, Description, Source, imagenet
from model_spec import Size, Weights

if TYPE_CHECKING:
    from torch import nn

_SUFFIX = ".py"
_GUARD = 'if __name__ == "__main__"'


class OwnModule(Source):
    """What ``FUNCTION(num_classes=…)`` returns."""

    @cached_property
    def description(self) -> Description:
        """Nothing is known of it: ImageNet's preprocessing, as most networks are trained with."""
        return Description(imagenet(Size.square(USUAL_SIDE)), assumed=True, labels=None)

    def published(self) -> tuple[Path, Weights]:
        """Always raises: the network has no published weights."""
        raise ConversionError(f"{self.name} is your own network; give its weights with --weights")

    def build(self, classes: int) -> "nn.Module":
        """The network that the function returns."""
        from torch import nn

        build = self._function()
        try:
            network = build(num_classes=classes)
        except (Exception, SystemExit) as error:
            # Whatever the user's code raises.
            raise ConversionError(
                f"{self.name}(num_classes={classes}) failed ({_described(error)})"
            ) from error
        if not isinstance(network, nn.Module):
            raise ConversionError(
                f"{self.name} gave a {type(network).__name__}, not a torch.nn.Module"
            )
        # The network may have been made for training in 16 bits.
        return network.float()

    def facts(self) -> list[object]:
        """Different each time: the code, and what it imports, may have changed."""
        return [uuid4().hex]

    def _function(self) -> Callable[..., object]:
        module_name, _, function_name = self.name.partition(":")
        if not module_name:
            raise ConversionError(f"{self.name!r} names no module; write PACKAGE.MODULE:FUNCTION")
        if module_name.endswith(_SUFFIX):
            module = module_name.removesuffix(_SUFFIX).removeprefix("./").replace("/", ".")
            raise ConversionError(f"{module_name} is a file; write {module}:{function_name}")
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            found: object = getattr(import_module(module_name), function_name, None)
        except (Exception, SystemExit) as error:
            # Of the import, or of the user's code.
            raise ConversionError(
                f"cannot import {module_name} from the current folder ({_described(error)})"
            ) from error
        if not callable(found):
            raise ConversionError(f"{module_name} has no function {function_name!r}")
        return found


def _described(error: Exception | SystemExit) -> str:
    if isinstance(error, SystemExit):
        return f"it ends the program: {first_line(error)}; keep what a script does behind {_GUARD}"
    return f"{type(error).__name__}: {first_line(error)}"
