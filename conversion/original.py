"""The requested PyTorch model: its network with weights, and its labels."""

import logging
from dataclasses import dataclass

import torch
from torch import nn

from conversion.errors import ConversionError, OneOutput, OtherClasses
from conversion.graph.first_run import check_first_run
from conversion.graph.verify import normalised, with_noise
from conversion.outputs.one_output import TwoOutputs
from conversion.photographs import photograph_pixels
from conversion.request import Request
from conversion.sources.source import Description
from conversion.weights.checkpoint import read
from conversion.weights.fit import fill
from conversion.weights.random_weights import enliven
from model_spec import Activation, Preprocessing, Weights

logger = logging.getLogger("image_classifier.conversion")

# Classes of a head that no checkpoint has: the refusal then names the checkpoint's own number.
_UNKNOWN_CLASSES = 1009

_OF_ONE_OUTPUT = 2
"""Classes of a network with one output: the negative and the positive."""


@dataclass(frozen=True)
class Original:
    """The PyTorch model: its network in eval mode and what is known about it."""

    network: nn.Module
    preprocessing: Preprocessing
    weights: Weights
    labels: tuple[str, ...]
    activation: Activation
    multi_label: bool


def original_of(request: Request) -> Original:
    """Make the requested network. The log says which preprocessing it gets.

    Raises:
        ConversionError: the network, its weights or its labels do not fit together.
    """
    path, weights = request.weights_file
    description = request.description
    preprocessing = description.preprocessing
    logger.info("%s: %s", preprocessing, preprocessing.source)
    if path is None:
        logger.warning("random weights (pretrained: false): the answers will mean nothing")
        labels = _labels(request, description)
        torch.manual_seed(request.seed or 0)
        network = request.source.build(len(labels))
    elif request.published:
        if description.labels is None:
            _warn_of_default(request, description, path.name)
        labels = _labels(request, description)
        network = request.source.build_published(path)
        if description.classes == 1:
            network = TwoOutputs(network)
    else:
        _warn_of_default(request, description, path.name)
        network, weights = _own_network(request, description)
        labels = _labels(request, description)
    activation = request.activation or description.activation
    if request.published and description.labels and activation is not description.activation:
        logger.warning(
            "the weights of %s are of a network with %s; confidences by %s mean nothing unless it "
            "was trained so",
            request.source.name,
            description.activation.value,
            activation.value,
        )
    check_first_run(network, preprocessing, activation)
    if path is None:
        pixels = with_noise(photograph_pixels(preprocessing))
        enliven(network, normalised(pixels, preprocessing))
    multi_label = activation is Activation.SIGMOID and not isinstance(network, TwoOutputs)
    return Original(network.eval(), preprocessing, weights, labels, activation, multi_label)


def _warn_of_default(request: Request, description: Description, file: str) -> None:
    """Warn of what the comparison cannot find, since both models get the same pixels."""
    if description.assumed:
        logger.warning(
            "this preprocessing is the default of %s; if %s was trained with another, "
            "its answers will be wrong: say so with --resize, --crop, … or --preprocessing",
            request.source.name,
            file,
        )


def _labels(request: Request, description: Description) -> tuple[str, ...]:
    """The user's labels, or those of the published weights."""
    labels = request.labels or description.labels
    classes = description.classes if request.published else None
    if classes == 1:
        sigmoid = (request.activation or description.activation) is Activation.SIGMOID
        if labels is None or len(labels) != _OF_ONE_OUTPUT or not sigmoid:
            raise OneOutput(request.source.name)
        return labels
    if classes is not None and (labels is None or len(labels) != classes):
        given = f"{len(labels)} labels do not fit: " if labels else ""
        raise ConversionError(
            f"{given}{request.source.name} tells {classes} classes apart; "
            "give --labels with one for each"
        )
    if labels is None:
        raise ConversionError(
            f"the class names of {request.source.name} are not known; "
            "give --labels with one for each class"
        )
    published = description.labels
    if request.published and published and len(labels) != len(published):
        raise ConversionError(
            f"{len(labels)} labels do not fit the published weights, which tell "
            f"{len(published)} classes apart; add --weights with your own"
        )
    return labels


def _own_network(request: Request, description: Description) -> tuple[nn.Module, Weights]:
    """The network with the user's weights, and where these are from."""
    labels = request.labels or description.labels or ()
    classes = len(labels) or _UNKNOWN_CLASSES
    network = request.source.build(classes)
    try:
        return network, _fill(network, request, classes)
    except OneOutput:
        if request.activation is not Activation.SIGMOID or len(labels) != _OF_ONE_OUTPUT:
            raise
        network = request.source.build(1)
        return TwoOutputs(network), _fill(network, request, 1)
    except OtherClasses as error:
        if request.labels is not None:
            raise
        raise ConversionError(
            f"{error.file} tells {error.found} classes apart; give --labels with one for each"
        ) from error


def _fill(network: nn.Module, request: Request, classes: int) -> Weights:
    """Load the user's own weights; returns where they are from, and whether they were trained."""
    path, weights = request.weights_file
    assert path is not None
    entries = request.source.renamed(network, read(path))
    filled = fill(network, entries, path.name, classes, request.entry)
    if not filled.trained:
        logger.warning(
            "%s was saved before any training (pretrained: false): the answers will mean nothing",
            path.name,
        )
    entry = "" if filled.entry == "." else f", entry {filled.entry}"
    return weights.model_copy(
        update={"pretrained": filled.trained, "source": weights.source + entry}
    )
