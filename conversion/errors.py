"""Errors of a conversion, and helpers for their messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from preprocessing_spec import Frozen

ONE_OUTPUT = "give --labels with two, the negative class first, and --activation sigmoid"

Record = TypeVar("Record", bound=Frozen)


class ConversionError(Exception):
    """Nothing was saved. The first line of the message says why, and what to do."""


class OtherClasses(ConversionError):
    """The last layer of the checkpoint ``file`` has ``found`` classes, but there are ``labels``."""

    def __init__(self, file: str, found: int, labels: int) -> None:
        super().__init__(
            f"{labels} labels do not fit {file}, which tells {found} classes apart; "
            "give --labels with one for each"
        )
        self.file, self.found = file, found


class OneOutput(ConversionError):
    """The last layer of the checkpoint ``file`` has one output."""

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} is of a network with one output: {ONE_OUTPUT}")


def first_line(error: object) -> str:
    """The first line of a library's error, whose message may fill a page."""
    return str(error).strip().split("\n")[0]


@contextmanager
def refusing(told: str) -> Iterator[None]:
    """Turn whatever a library raises in the block into one line: what cannot be done, and why.

    Raises:
        ConversionError: for any exception.
    """
    try:
        yield
    except Exception as error:
        raise ConversionError(f"{told} ({first_line(error)})") from error


def given_file(path: Path, option: str) -> bytes:
    """The content of a file that the user gave with an option.

    Raises:
        ConversionError: it cannot be read; the message names the option.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        if path.is_dir():
            raise ConversionError(f"{option} takes a file, and {path} is a folder") from error
        if not path.exists():
            raise ConversionError(f"{option} names the file {path}, which is not there") from error
        raise ConversionError(f"{option}: cannot read {path} ({error.strerror})") from error


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    hidden = len(names) - most
    return ", ".join(names[:most]) + (f" and {hidden} more" if hidden > 0 else "")


def checked(record: type[Record], fields: dict[str, Any], where: str) -> Record:
    """A record with fields from a user or from a library's config.

    Raises:
        ConversionError: names ``where`` the fields are from, and the first one that is wrong.
    """
    try:
        return record.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(record.model_fields)
            raise ConversionError(f"{where}: no field {name}; there are {known}") from error
        message = first["msg"].removeprefix("Value error, ")
        raise ConversionError(f"{where}: {name}{': ' if name else ''}{message}") from error
