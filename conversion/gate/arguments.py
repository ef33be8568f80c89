"""Arguments of the conversion that are for bf16 and int8 only."""

import argparse
from pathlib import Path

from model_comparison import Shortcoming


def option(shortcoming: Shortcoming) -> str:
    """The option that allows it."""
    return f"--allow-{shortcoming.value.replace(' ', '-')}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``calibration``, a folder or None, and ``allowed``, a list of shortcomings."""
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        type=Path,
        help="your own photographs, to make and to judge a bf16 or int8 model: thousands with "
        "labels, as conversion.evaluate takes them, or hundreds without; default: crops of the "
        "project's own, which show little",
    )
    for each in Shortcoming:
        parser.add_argument(
            option(each),
            dest="allowed",
            action="append_const",
            const=each,
            default=[],
            help=f"save a bf16 or int8 model that may be {each.value} than fp32; it is marked",
        )
