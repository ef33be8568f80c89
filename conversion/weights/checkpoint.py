"""Reads the tensors of a checkpoint; code in the file is never run.

torch.load reads tensors and plain Python values (``weights_only=True``). Training scripts also save
their arguments and figures. The types of these are allowed by name, but neither imported nor
called: each object is replaced by an inert one.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from conversion.errors import ConversionError, first_line, listed
from conversion.weights.file_kind import Format, format_of
from conversion.weights.folder import INDEX_SUFFIX, shards_of

State = dict[str, torch.Tensor]
Entries = dict[str, State]
"""The tensors of each dict in a checkpoint, by the dict's dotted path; "" is the outermost dict."""

# The opcode by which a pickle of a network imports a layer.
_NETWORK = re.compile(rb"c(torch\.nn\.modules\.[\w.]+)\n(\w+)\n")


class _Inert:
    """Replaces an object that conversion does not need."""

    def __new__(cls, *_: object, **__: object) -> "_Inert":
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")

# Settings, figures and random states, as training scripts and frameworks save them.
_HARMLESS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in _PATHS),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    *(f"builtins.{name}" for name in ("frozenset", "range", "slice", "list", "dict", "tuple")),
    *(f"builtins.{name}" for name in ("int", "float", "str", "bool", "object")),
    *(
        f"numpy.{core}.multiarray.{name}"
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    ),
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{name}" for name in ("float16", "float32", "float64", "int32", "int64", "bool_")),
    "torch.torch_version.TorchVersion",
    "torchvision.transforms.functional.InterpolationMode",
    "easydict.EasyDict",
    "yacs.config.CfgNode",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "typing.Any",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)

# The unpickler fills these item by item, so that they need a plain container.
_CONTAINERS: dict[str, type] = {"collections.defaultdict": dict, "collections.deque": list}


def read(path: Path) -> Entries:
    """The tensors of a checkpoint.

    Args:
        path: of a file that torch.save or safetensors wrote, or of the index of several
            safetensors (``model.safetensors.index.json``).

    Raises:
        ConversionError: the file is of another kind, damaged, or has no tensors by name; the
            message says what it is and what to do.
    """
    content = _load(path)
    entries = dict(_dicts_of_tensors(content))
    if not entries:
        raise ConversionError(
            f"{path.name} has no tensors by name ({_described(content)}); "
            "save the weights with torch.save(model.state_dict(), FILE)"
        )
    return entries


def _load(path: Path) -> object:
    if path.name.endswith(INDEX_SUFFIX):
        return {name: each for shard in shards_of(path) for name, each in _tensors(shard).items()}
    return _tensors(path)


def _tensors(path: Path) -> Any:
    try:
        kind = format_of(path)
    except OSError as error:
        raise ConversionError(f"cannot read {path}: {error.strerror}") from error
    if isinstance(kind, str):
        raise ConversionError(f"{path.name} is no checkpoint: it is {kind}")
    try:
        return load_file(path) if kind is Format.SAFETENSORS else _torch_load(path)
    except Exception as error:
        # torch and safetensors raise many types for what they cannot read.
        raise ConversionError(_unreadable(path, error)) from error


def _torch_load(path: Path) -> object:
    with _allowed(), warnings.catch_warnings():
        # Warnings of old storage classes and protocols, which a user cannot mend.
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _allowed() -> torch.serialization.safe_globals:
    stand_ins: list[Any] = [_stand_in(name) for name in _HARMLESS]
    stand_ins += [_stand_in(name, container) for name, container in _CONTAINERS.items()]
    return torch.serialization.safe_globals(stand_ins)


def _stand_in(name: str, container: type | None = None) -> type:
    """A class that PyTorch takes for the named one; its objects are inert, or plain containers."""
    module, _, short = name.rpartition(".")
    members: dict[str, object] = {"__module__": module}
    if container:
        members["__new__"] = lambda *_: container()
    return type(short, (_Inert,), members)


def _dicts_of_tensors(content: object) -> Iterator[tuple[str, State]]:
    """Every dict that holds tensors, and its dotted path."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", content)]
    for path, value in waiting:
        if not isinstance(value, dict):
            continue
        named = {name: each for name, each in value.items() if isinstance(name, str)}
        tensors = {name: each for name, each in named.items() if isinstance(each, torch.Tensor)}
        if tensors:
            yield path, tensors
        if id(value) not in seen:  # a dict may hold itself
            seen.add(id(value))
            waiting += [(f"{path}.{name}".lstrip("."), each) for name, each in named.items()]


def _unreadable(path: Path, error: Exception) -> str:
    types = _foreign_types(path, error)
    if any(name.startswith("torch.nn.modules.") for name in types):
        return (
            f"{path.name} holds a whole network, whose code is not run; where it was made, "
            "save its weights alone: model = torch.load(FILE, weights_only=False); "
            "torch.save(model.state_dict(), NEW_FILE)"
        )
    if types:
        return (
            f"{path.name} holds more than weights and settings, and is not read because that "
            f"could run code: {listed(types)}; if you trust the file, save its weights "
            "alone: torch.save(torch.load(FILE, weights_only=False)[ENTRY], NEW_FILE)"
        )
    # torch.load gives a page of advice before the reason.
    reason = first_line(str(error).rpartition("WeightsUnpickler error: ")[2])
    if reason.startswith("Unsupported operand"):
        return f"{path.name} was saved with a pickle_protocol; save it again without that argument"
    return (
        f"{path.name} cannot be read ({type(error).__name__}: {reason}); it may be damaged: "
        "download or copy it again"
    )


def _foreign_types(path: Path, error: Exception) -> list[str]:
    """Names of types that the file would import and that are not allowed."""
    try:
        with _allowed():
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:
        # PyTorch lists them for zip archives only, not for files from before 1.6.
        first = re.findall(r"\bGLOBAL (\S+)", str(error))[:1]
        layers = _NETWORK.findall(path.read_bytes()) if first else []
        return first + [b".".join(names).decode() for names in layers]


def _described(content: object) -> str:
    if not isinstance(content, dict):
        return f"it holds a {type(content).__name__}"
    return f"it holds {listed([*map(str, content)]) or 'an empty dict'}"
