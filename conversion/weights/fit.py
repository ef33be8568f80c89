"""Finds a network's tensors in a checkpoint, and loads them if they fit."""

import logging
import re
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import nn

from conversion.errors import ConversionError, OneOutput, OtherClasses, listed
from conversion.weights.checkpoint import Entries, State

logger = logging.getLogger("image_classifier.conversion")

_COUNTER = "num_batches_tracked"  # files from before PyTorch 0.4.1 have none
# Counters beside the weights, of batch norms, AveragedModel and the profiler thop.
_NOT_WEIGHTS = frozenset({_COUNTER, "n_averaged", "total_ops", "total_params"})

# Names of averaged weights (EMA, SWA).
_AVERAGED = re.compile(r"(^|[._])(ema|swa|avg|averaged?)([._]|$)")

# Names of heads that only training uses: aux1, AuxLogits, aux_head, …
_TRAINING_HEAD = re.compile(r"aux", re.IGNORECASE)


@dataclass(frozen=True)
class _Group:
    """Tensors of one dict whose names have the same prefix.

    Attributes:
        entry: dotted path of the dict in the checkpoint.
        prefix: such as ``module.``.
    """

    entry: str
    prefix: str

    @property
    def name(self) -> str:
        """As ``--entry`` takes it; "." for all of the file."""
        return f"{self.entry}.{self.prefix}".strip(".") or "."


@dataclass(frozen=True)
class Filled:
    """What a network was filled with.

    Attributes:
        entry: dotted name of what was taken from the checkpoint; "." for all of it.
        trained: False if no tensor that starts as a constant has changed, such as biases and batch
            norms. AlexNet has none of these and always counts as trained.
    """

    entry: str
    trained: bool


def fill(
    network: nn.Module, entries: Entries, file: str, classes: int, entry: str | None = None
) -> Filled:
    """Load the weights of a checkpoint into a network.

    They are found by the network's names, with any prefix (``module.``, ``model.``). Heads that
    only training uses are left out. The log says which entry was taken.

    Args:
        network: as initialised, never trained.
        file: name of the checkpoint.
        classes: number of labels.
        entry: dotted name of the weights to take; None if the checkpoint holds only one such entry,
            or one and its averages.

    Raises:
        ConversionError: nothing fits, or several entries do; lists what differs, or the choice.
    """
    expected = network.state_dict()
    counts = _groups(entries, expected)
    wanted = sum(not name.endswith(_COUNTER) for name in expected)
    complete = [group for group, count in counts.items() if count == wanted]
    group = _choose(counts, complete, file, entry)
    if group is None:
        raise ConversionError(_nothing_fits(entries, file, entry))
    state, unexpected, beside = _split(entries[group.entry], group, complete, expected)
    _check_names_and_shapes(expected, state, unexpected, file, classes)
    _check_values(expected, state, file)
    if beside and entry is None:
        raise ConversionError(
            f"{file} holds more than this network: beside {group.name!r} also {listed(beside)}; "
            f"if {group.name!r} alone is the network, add --entry {group.name}"
        )
    others = [each.name for each in complete if each != group]
    others += [path or "." for path in entries if path not in {each.entry for each in complete}]
    if others or beside or group.name != ".":
        unused = f"; not used: {listed([*others, *beside])}" if others or beside else ""
        logger.info("took %r from %s%s", group.name, file, unused)
    trained = _trained(expected, state)
    network.load_state_dict(state, strict=False)
    return Filled(group.name, trained)


def _groups(entries: Entries, expected: State) -> dict[_Group, int]:
    """For each group, how many of the network's names it has."""
    counts: dict[_Group, int] = defaultdict(int)
    for entry, tensors in entries.items():
        for name in tensors:
            parts = name.split(".")
            for start in range(len(parts)):
                end = ".".join(parts[start:])
                if end in expected and not end.endswith(_COUNTER):
                    counts[_Group(entry, name.removesuffix(end))] += 1
    return counts


def _choose(
    counts: dict[_Group, int], complete: list[_Group], file: str, entry: str | None
) -> _Group | None:
    """The complete group to take; if there is none, the group with most names."""
    if entry is not None:
        start = f"{entry.strip('.')}."
        counts = {group: count for group, count in counts.items() if _starts(group, start)}
    choice = [group for group in complete if group in counts]
    choice = [group for group in choice if not _AVERAGED.search(group.name)] or choice
    if len(choice) > 1:
        names = ", ".join(group.name for group in choice)
        raise ConversionError(
            f"{file} holds weights of this network more than once: {names}; "
            "choose with --entry NAME"
        )
    return choice[0] if choice else max(counts, key=lambda group: counts[group], default=None)


def _starts(group: _Group, start: str) -> bool:
    return group.name == "." if start == "." else f"{group.name}.".startswith(start)


def _split(
    tensors: State, group: _Group, complete: list[_Group], expected: State
) -> tuple[State, list[str], list[str]]:
    """The group's tensors by the network's names, other names in the group, names outside of it."""
    prefixes = [each.prefix for each in {group, *complete} if each.entry == group.entry]
    state, unexpected, beside, heads = {}, [], [], set()
    for name, tensor in tensors.items():
        owner = max((each for each in prefixes if name.startswith(each)), key=len, default=None)
        end = name.removeprefix(group.prefix)
        if owner == group.prefix and end in expected:
            state[end] = tensor
        elif name.rpartition(".")[2] in _NOT_WEIGHTS:
            continue
        elif owner == group.prefix and _TRAINING_HEAD.match(end):
            heads.add(end.partition(".")[0])
        elif owner == group.prefix:
            unexpected.append(name)
        elif owner is None:
            beside.append(name)
    if heads:
        logger.info("left out, as only training uses them: %s", ", ".join(sorted(heads)))
    return state, unexpected, beside


def _check_names_and_shapes(
    expected: State, state: State, unexpected: list[str], file: str, classes: int
) -> None:
    missing = [name for name in expected if name not in state and not name.endswith(_COUNTER)]
    shapes = {
        name: (tensor.shape, expected[name].shape)
        for name, tensor in state.items()
        if tensor.shape != expected[name].shape
    }
    if not missing and not unexpected:
        _check_classes(shapes, file, classes)
    problems = {
        "missing": missing,
        "unexpected": unexpected,
        "of another shape": [
            f"{name} {list(found)} instead of {list(wanted)}"
            for name, (found, wanted) in shapes.items()
        ],
    }
    _refuse_if_any(problems, file)


def _check_classes(
    shapes: dict[str, tuple[torch.Size, torch.Size]], file: str, classes: int
) -> None:
    """If only the number of classes of the last layer differs, say just that.

    ``shapes`` are those found and wanted, of the tensors in which they differ.
    """
    if len({(found[:1], wanted[:1]) for found, wanted in shapes.values()}) != 1:
        return
    found, wanted = next(iter(shapes.values()))
    if tuple(wanted[:1]) != (classes,) or not found:
        return
    if found[0] == 1:
        raise OneOutput(file)
    raise OtherClasses(file, found[0], classes)


def _check_values(expected: State, state: State, file: str) -> None:
    types = [
        f"{name} {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in state.items()
        if not _is_like(tensor, expected[name]) and not name.endswith(_COUNTER)
    ]
    empty = [name for name, tensor in state.items() if tensor.is_meta]
    _refuse_if_any({"of another type": types, "without values": empty}, file)
    broken = [name for name, tensor in state.items() if not tensor.float().isfinite().all()]
    _refuse_if_any({"not finite, as after a training that diverged": broken}, file)


def _is_like(tensor: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether it can be copied as it is; quantised and sparse ones cannot."""
    return (
        tensor.is_floating_point() == expected.is_floating_point()
        and not tensor.is_complex()
        and not tensor.is_quantized
        and tensor.layout is torch.strided
    )


def _refuse_if_any(problems: dict[str, list[str]], file: str) -> None:
    if any(problems.values()):
        told = "; ".join(f"{what}: {listed(names)}" for what, names in problems.items() if names)
        raise ConversionError(f"{file} does not fit the network; {told}")


def _trained(expected: State, state: State) -> bool:
    constants = {
        name: tensor
        for name, tensor in expected.items()
        if tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all())
    }
    return not constants or any(
        not torch.equal(tensor.to(state[name].dtype), state[name])
        for name, tensor in constants.items()
    )


def _nothing_fits(entries: Entries, file: str, entry: str | None) -> str:
    names = [f"{path}.{name}".lstrip(".") for path, tensors in entries.items() for name in tensors]
    under = f" under {entry!r}" if entry is not None else ""
    return f"{file} holds no weights of this network{under}; it holds: {listed(names)}"
