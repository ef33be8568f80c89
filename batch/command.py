"""The command: its options and its output."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from batch.engines import EngineName
from batch.errors import BatchError
from batch.log import log_to_stderr
from batch.options import PART_SIZE, Options, Shard
from batch.run import Outcome, run
from errors import ClassifierError, InvalidParameter, StartupError, reason_of
from interrupts import INTERRUPTED
from serving.parameters import DEFAULT_TOP_K, checked_threshold
from settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = options_of(arguments)
    log_to_stderr()
    signal.signal(signal.SIGTERM, _interrupt)
    again = "the same command goes on from there"
    try:
        outcome = run(options, load_settings())
    except (BatchError, StartupError, ClassifierError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {reason_of(error)}; what was done is kept, {again}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted: what was done is kept, {again}", file=sys.stderr)
        return INTERRUPTED
    print(_told(outcome, options))
    return 0


def _told(outcome: Outcome | None, options: Options) -> str:
    if outcome is None:
        assert options.shard is not None
        return f"shard {options.shard.number} of {options.shard.shards} is done"
    failed = {code: count for code, count in sorted(outcome.by_code.items(), key=str) if code}
    codes = ", ".join(f"{code} {count:,}" for code, count in failed.items())
    not_classified = f", {sum(failed.values()):,} not classified ({codes})" if failed else ""
    return f"{options.output}: {outcome.photographs:,} photographs{not_classified}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def options_of(arguments: Sequence[str] | None) -> Options:
    """The options of a command line; a wrong one ends the process."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.labels and not parsed.contact_sheet:
        parser.error("--labels is for --contact-sheet")
    return Options(**vars(parsed))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def _threshold(text: str) -> float:
    try:
        return checked_threshold(float(text))
    except InvalidParameter as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _shard(text: str) -> Shard:
    index, _, count = text.partition("/")
    shard = Shard(int(index), int(count))
    if not 0 <= shard.number < shard.shards:
        raise argparse.ArgumentTypeError(f"{text} is not like 0/4, 1/4, 2/4 or 3/4")
    return shard


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m batch", description="Classify many photographs into one table."
    )
    add = parser.add_argument
    add(
        "given",
        metavar="input",
        help="folder, pattern, text file of paths or URLs, .parquet file of paths or images, or "
        "one of these behind a URL",
    )
    add("--output", required=True, type=Path, metavar="FILE", help=".parquet, .csv or .jsonl")
    add(
        "--model",
        metavar="TAG",
        help="of the model store, or a model's folder (default: the newest)",
    )
    add("--column", help="of a .parquet file (default: path or image)")
    add("--top-k", type=_positive, default=DEFAULT_TOP_K, metavar="N", help="predictions in a row")
    add("--embedding", action="store_true", help="a column with the embedding")
    add(
        "--threshold",
        type=_threshold,
        metavar="P",
        help="columns with the decision, 0 to 1 (default: the model's own thresholds, if any)",
    )
    add(
        "--part-size",
        type=_positive,
        default=PART_SIZE,
        metavar="N",
        help="photographs that are saved together (default: %(default)s)",
    )
    add(
        "--contact-sheet",
        type=Path,
        metavar="FILE",
        help="write a page with photographs and predictions, mistakes first",
    )
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="CSV file with the columns file and label or class_id, for --contact-sheet (default: "
        "one in the folder, else names of folders)",
    )
    add("--restart", action="store_true", help="forget an unfinished run, replace the output")
    add(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="do only the parts of shard I of N, from 0; the same command without --shard does the "
        "rest and writes the table",
    )
    add(
        "--engine",
        type=EngineName,
        choices=list(EngineName),
        default=EngineName.LOCAL,
        help="this machine's processors or GPUs, or those of a Ray cluster (default: local)",
    )
    add("--address", help="of the Ray cluster (default: one is started on this machine)")
    return parser
