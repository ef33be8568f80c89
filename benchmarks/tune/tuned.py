"""The settings file that ``make serve`` reads."""

from pathlib import Path

from benchmarks.models import PROJECT
from benchmarks.tune.candidates import Values, variables

TUNED = PROJECT / "tuned.env"


def write(file: Path, values: Values, measured: str) -> None:
    """Write a comment, and a line ``CLASSIFIER_X=…`` for each setting."""
    lines = [f"# {measured}", *(f"{name}={value}" for name, value in variables(values).items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
