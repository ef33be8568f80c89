"""What the command is asked to do."""

import argparse
import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

KEY_VARIABLE = "CLASSIFIER_API_KEY"
"""A key in the environment is in no list of processes and in no shell history."""

# Enough to saturate a GPU from one machine, too little to bring down somebody else's service.
MAX_CONCURRENCY = 256
MAX_SECONDS = 300.0
MAX_RATE = 2000.0

_EPILOG = (
    "Ends with 0 if every check passed, with 1 if one failed, and with 2 if the command was "
    "wrong, nobody answers, or the report cannot be written."
)


@dataclass(frozen=True)
class Options:
    """What the command is asked to do."""

    url: str  # of the deployment, without a slash at its end
    api_key: str | None = field(default=None, repr=False)
    image: Path | None = None  # to classify, instead of checking
    top_k: int | None = None  # classes to show of it; None: as many as the service chooses
    load: bool = True
    concurrency: int = 8  # clients of the closed loop
    seconds: float = 10.0  # that each loop lasts
    rate: float | None = None  # arrivals a second, open loop; None: derived from the closed one
    max_p99_ms: float | None = None  # that the open loop's p99 may reach; None: any
    photographs: Path | None = None  # folder of images for the load test; None: the test images
    yes: bool = False  # whether another host gets load and too large bodies without a question
    report: Path | None = None  # folder to write the report to

    @property
    def is_loopback(self) -> bool:
        """Whether the deployment's host is this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            found = socket.getaddrinfo(host, None)
        except OSError:
            return False
        addresses = [str(each[4][0]).partition("%")[0] for each in found]
        return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def parse(arguments: list[str] | None = None) -> Options:
    """The command line's options; ends the program with 2 if they are wrong."""
    given = vars(parser().parse_args(arguments))
    given["api_key"] = given["api_key"] or os.environ.get(KEY_VARIABLE) or None
    return Options(**given)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m deployment_check",
        description="Check a running deployment, or classify one image with it.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--url", type=_url, required=True, help="address of the deployment")
    add("--api-key", metavar="KEY", help=f"better given as {KEY_VARIABLE}")
    add("--image", type=_file, metavar="FILE", help="classify this image, check nothing")
    add("--top-k", type=_bounded(int, 1000), metavar="N", help="classes to show of the image")
    add("--report", type=Path, metavar="FOLDER", help="write JSON and a page")
    _add_load_options(parser)
    return parser


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("load test").add_argument
    add("--no-load", dest="load", action="store_false", help="send no load")
    add(
        "--concurrency",
        type=_bounded(int, MAX_CONCURRENCY),
        default=8,
        metavar="N",
        help=f"clients of the closed loop, up to {MAX_CONCURRENCY} (default 8)",
    )
    add(
        "--seconds",
        type=_bounded(float, MAX_SECONDS),
        default=10.0,
        metavar="S",
        help=f"duration of each loop, up to {MAX_SECONDS:g} (default 10)",
    )
    add(
        "--rate",
        type=_bounded(float, MAX_RATE),
        metavar="R",
        help=f"arrivals a second in the open loop, up to {MAX_RATE:g} "
        "(default: 60 %% of what the closed loop reached)",
    )
    add(
        "--max-p99-ms",
        type=_bounded(float, 3_600_000),
        metavar="MS",
        help="fail if the open loop's 99th percentile is above this",
    )
    add("--photographs", type=_folder, metavar="FOLDER", help="send these, not the test images")
    add("--yes", action="store_true", help="do not ask before loading a host that is not this one")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not like http://127.0.0.1:3000")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("it must have no password, query or fragment")
    return text.rstrip("/")


def _bounded(number: Callable[[str], float], most: float) -> Callable[[str], float]:
    def parsed(text: str) -> float:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"it must be above 0 and at most {most:g}")
        return value

    return parsed


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return Path(text)
