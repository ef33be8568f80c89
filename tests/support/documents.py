"""The README and the pages of `docs/`, taken apart for the tests that hold them to their word."""

import re

from harness.servers import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
DOCS = {path.name: path.read_text(encoding="utf-8") for path in PROJECT.glob("docs/*.md")}

ACTIVATE = ". .venv/bin/activate"


def blocks(language: str, document: str = README) -> list[str]:
    """A document's fenced blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", document, flags=re.DOTALL | re.MULTILINE)


def commands() -> dict[str, bool]:
    """Every command of the documents, and whether the virtual environment is active by then."""
    found: dict[str, bool] = {}
    for document in (README, *DOCS.values()):
        lines = [line for block in blocks("bash", document) for line in block.splitlines() if line]
        for index, line in enumerate(lines):
            found.setdefault(line, ACTIVATE in lines[:index])
    return found


def table_rows(heading: str, document: str) -> list[list[str]]:
    """The cells of the first table behind a heading, without its head."""
    section = document.split(f"{heading}\n", 1)[1]
    rows = re.findall(r"^\|(.+)\|$", section.split("\n#", 1)[0], flags=re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows[2:]]
