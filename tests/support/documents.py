"""The README, taken apart for the tests that hold it to its word."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every command of the README, each once."""
    lines = [line for block in blocks("bash") for line in block.splitlines() if line]
    return list(dict.fromkeys(lines))


def table_rows(heading: str, document: str = README) -> list[list[str]]:
    """The cells of the first table behind a heading, without its head."""
    section = document.split(f"{heading}\n", 1)[1]
    rows = re.findall(r"^\|(.+)\|$", section.split("\n#", 1)[0], flags=re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows[2:]]
