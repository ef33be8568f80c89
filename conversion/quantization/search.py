"""Search for a recipe: take the first int8 graph that is good and fast, else the best of all."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from onnx import NodeProto

from conversion.gate.gate import LEAST_SPEED_UP, MOST_SHIFT, SURE
from conversion.gate.speed import QUICK_ROUNDS, measure
from conversion.graph.verify import in_batches
from conversion.progress import progress
from conversion.quantization.bias import MEAN_IMAGES, Means, input_means
from conversion.quantization.calibration import PHOTOGRAPHS, Method, ranges
from conversion.quantization.losses import IMAGES, by_loss
from conversion.quantization.recipe import Recipe, quantize, weighted_nodes
from conversion.quantization.variant import write
from inference.arrays import Probabilities
from inference.hardware.cpus import usable_cpus
from inference.hardware.processor import adds_int8_exactly
from inference.sessions.session import Session, open_session
from model_spec import ONNX_FILE, Precision
from preprocessing.pixels import Pixels
from settings import Device

logger = logging.getLogger("image_classifier.conversion.quantization")

LEAST_AGREEMENT = 0.98
"""On the calibrating photographs of which fp32 is sure: stricter than the gate, since the graph
knows them."""

MOST_DISTANCE = 0.05
"""Of probabilities. A graph of EfficientNet-Lite0 with 0.06 kept the class of each photograph of
which fp32 is sure, but lost 1.2 points of top-1. One with 0.05 lost 0.5, one with 0.04 lost 0.3."""

_BATCH = 8


class Samples(NamedTuple):
    """Photographs that calibrate, and what fp32 answers.

    Attributes:
        pixels: uint8 ``[N, H, W, 3]``.
        probabilities: float32 ``[N, classes]``, of fp32.
    """

    pixels: Pixels
    probabilities: Probabilities


@dataclass(frozen=True)
class Tried:
    """A recipe, and how its graph compares with fp32 on the samples.

    Attributes:
        distance: half the sum of the absolute differences of all probabilities of a photograph,
            averaged over the photographs.
        agreement: share of the photographs of which fp32 is sure that keep their class; None if it
            is sure of none: then the distance decides.
        shift: of the mean confidence.
    """

    recipe: Recipe
    folder: Path
    distance: float
    agreement: float | None
    shift: float
    speed_up: float

    def __str__(self) -> str:
        return (
            f"{self.recipe}: same class where fp32 is sure {self.same}, probabilities "
            f"differ by {self.distance:.4f}, {self.speed_up:.2f} × fp32"
        )

    @property
    def same(self) -> str:
        """The agreement, as it is shown."""
        return "(of none)" if self.agreement is None else f"{self.agreement:.1%}"

    @property
    def is_fast(self) -> bool:
        """Whether its speed may pass the gate."""
        return self.speed_up >= LEAST_SPEED_UP

    @property
    def is_good(self) -> bool:
        """Whether the search can end with it."""
        return (
            self.is_fast
            and (self.agreement is None or self.agreement >= LEAST_AGREEMENT)
            and self.distance <= MOST_DISTANCE
            and abs(self.shift) <= MOST_SHIFT
        )

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The best is the largest: of good ones the fastest, else the closest to fp32."""
        return self.is_good, self.is_fast, self.speed_up if self.is_good else -self.distance


def table(tried: Sequence[Tried]) -> list[str]:
    """A line with the headings, then one for each recipe; no line if nothing was tried."""
    if not tried:
        return []
    headings = ("tried", "same class", "difference", "× fp32")
    rows = [
        (str(each.recipe), each.same, f"{each.distance:.4f}", f"{each.speed_up:.2f}")
        for each in tried
    ]
    width = max(len(recipe) for recipe, *_ in rows)
    return [
        f"{recipe:<{width}}  {same:>10}  {difference:>10}  {speed:>6}"
        for recipe, same, difference, speed in (headings, *rows)
    ]


class Search:
    """Tries recipes for the model in the folder ``fp32``; their graphs go into ``workspace``."""

    def __init__(self, fp32: Path, samples: Samples, device: Device, workspace: Path) -> None:
        self.tried = list[Tried]()
        self._fp32, self._samples = fp32, samples
        self._device, self._workspace = device, workspace
        self._session = self._opened(fp32, 1)
        self._ranges = dict[Method, Any]()

    def find(self) -> Tried:
        """The first good recipe, with the first layer in float if that is faster; else the best."""
        for recipe in self._with_and_without_first_layer():
            self._try(recipe)
        for recipe in self._others():
            if self._best().is_good:
                break
            if all(each.recipe != recipe for each in self.tried):
                self._try(recipe)
        return self._best()

    def _best(self) -> Tried:
        return max(self.tried, key=lambda each: each.rank)

    def _with_and_without_first_layer(self) -> Iterator[Recipe]:
        """Two recipes: which is faster depends on the engine and on the layer."""
        recipe = Recipe(Method.MINMAX, signed=False, reduce_range=not adds_int8_exactly())
        yield recipe
        if len(self._nodes) > 1:
            yield replace(recipe, kept=(self._nodes[0][0].name,))

    def _others(self) -> Iterator[Recipe]:
        """More recipes, the faster of the first two changed step by step."""
        fastest = max(self.tried, key=lambda each: each.speed_up)
        for method in (Method.PERCENTILE, Method.ENTROPY):
            yield replace(fastest.recipe, method=method)
        yield replace(self._best().recipe, signed=True)
        best = self._best()
        if not best.is_fast:
            return  # nodes in float would make it slower still
        kept, ranked = best.recipe.kept, self._by_loss(best)
        count = 1
        while count <= len(ranked) // 2:
            yield replace(best.recipe, kept=(*kept, *ranked[:count]))
            count *= 2

    def _by_loss(self, tried: Tried) -> list[str]:
        """The nodes that are not in float, the one with the largest loss first."""
        nodes = [each for each in self._nodes if each[0].name not in tried.recipe.kept]
        fp32, int8 = self._fp32 / ONNX_FILE, tried.folder / ONNX_FILE
        return by_loss(fp32, int8, nodes, self._samples.pixels[:IMAGES], self._workspace)

    @cached_property
    def _nodes(self) -> list[list[NodeProto]]:
        return weighted_nodes(self._fp32 / ONNX_FILE)

    def _try(self, recipe: Recipe) -> None:
        folder = self._workspace / str(len(self.tried))
        folder.mkdir()
        found = self._ranges_of(recipe.method)
        quantize(self._fp32 / ONNX_FILE, found, self._means, recipe, folder / ONNX_FILE)
        write(folder, self._fp32, Precision.INT8, self._device)
        tried = self._measured(recipe, folder)
        logger.info("tried %s", tried)
        self.tried.append(tried)
        for each in self.tried:
            if each is not self._best():
                shutil.rmtree(each.folder, ignore_errors=True)

    def _ranges_of(self, method: Method) -> Any:
        if method not in self._ranges:
            pixels = self._samples.pixels[: PHOTOGRAPHS[method]]
            with progress(f"calibrating, {method.value}", len(pixels)) as advance:
                self._ranges[method] = ranges(
                    self._fp32 / ONNX_FILE, method, pixels, self._workspace, advance
                )
        return self._ranges[method]

    @cached_property
    def _means(self) -> Means:
        return input_means(self._fp32 / ONNX_FILE, self._samples.pixels[:MEAN_IMAGES])

    def _measured(self, recipe: Recipe, folder: Path) -> Tried:
        expected = self._samples.probabilities
        sure = expected.max(axis=1) >= SURE
        session = self._opened(folder, usable_cpus())
        found = in_batches(self._samples.pixels, _BATCH, session.run)
        same = found.argmax(axis=1) == expected.argmax(axis=1)
        return Tried(
            recipe=recipe,
            folder=folder,
            distance=float(np.abs(found - expected).sum(axis=1).mean() / 2),
            agreement=float(same[sure].mean()) if sure.any() else None,
            shift=float((found.max(axis=1) - expected.max(axis=1)).mean()),
            speed_up=measure(self._opened(folder, 1), self._session, QUICK_ROUNDS).ratio,
        )

    def _opened(self, folder: Path, threads: int) -> Session:
        return open_session(folder, self._device, intra_op_threads=threads)
