"""The versions of uvicorn and BentoML with which everything in this room was tried."""

import logging
from importlib.metadata import version

from packaging.version import Version

logger = logging.getLogger("image_classifier")

SUPPORTED = {"uvicorn": ("0.30.0", "0.54.0"), "bentoml": ("1.4.39", "1.4.40")}
"""Lowest and newest; a test compares them with the dependency lists."""


def is_supported() -> bool:
    """Whether the installed versions were tried; warns of each that was not."""
    tried = [_is_tried(package) for package in SUPPORTED]
    return all(tried)


def _is_tried(package: str) -> bool:
    lowest, newest = SUPPORTED[package]
    installed = version(package)
    if Version(lowest) <= Version(installed) <= Version(newest):
        return True
    logger.warning(
        "%s %s was not tried with this service (%s to %s were). It runs on uvicorn's own "
        "connections: without header bounds, notice of clients that leave, balancing or draining",
        package,
        installed,
        lowest,
        newest,
    )
    return False
