"""The tables of the README and of docs/ are complete, and their links lead somewhere."""

import re
from argparse import ArgumentParser

import pytest
from pydantic import SecretStr

from batch import command
from conversion import evaluate
from conversion.preprocessing.overrides import Overrides
from deployment_check.options import Options, parser
from errors import ClassifierError
from harness.servers import PROJECT
from serving.api import dialects
from serving.bento import ROUTES
from settings import PREFIX, Settings
from tests.support.documents import DOCS, README, table_rows


def test_every_setting_is_in_the_table_with_its_default() -> None:
    table = table_rows("# Settings", DOCS["settings.md"])
    rows = {variable.strip("`"): default.strip("`") for variable, default, *_ in table}
    assert all(meaning for *_, meaning in table)
    fields = Settings.model_fields
    assert set(rows) == {f"{PREFIX}{name.upper()}" for name in fields}
    for name, field in fields.items():
        shown = rows[f"{PREFIX}{name.upper()}"]
        default = getattr(field.default, "value", field.default)
        if isinstance(default, SecretStr) or default == "":
            assert shown == "none"
        elif isinstance(default, float):
            assert shown == f"{default:g}"
        elif default is not None:
            assert shown == str(default).lower()


def test_every_error_is_in_the_table_with_its_status() -> None:
    rows = table_rows("# Errors", DOCS["errors.md"])
    shown = {(int(row[0]), code) for row in rows for code in re.findall("`(.+?)`", row[1])}
    assert shown == {(int(error.status), error.code) for error in concrete(ClassifierError)}


def concrete(family: type[ClassifierError]) -> list[type[ClassifierError]]:
    """Every class of a family that has a code."""
    below = [error for child in family.__subclasses__() for error in concrete(child)]
    return [family, *below] if hasattr(family, "code") else below


def test_every_option_of_the_check_is_in_the_table_with_its_default() -> None:
    rows = table_rows("## Options", DOCS["check.md"])
    shown = {name: row[1] for row in rows for name in re.findall("`(--.+?)`", row[0])}
    elsewhere = {"--help", "--url", "--image", "--top-k"}
    options = {each for action in parser()._actions for each in action.option_strings}
    assert set(shown) == {each for each in options if each.startswith("--")} - elsewhere
    assert shown["--concurrency"] == str(Options("").concurrency)
    assert shown["--seconds"] == f"{Options('').seconds:g}"


@pytest.mark.parametrize(
    ("page", "heading", "known"),
    [
        ("batch.md", "## What it takes", command._parser()),
        ("evaluate.md", "# Evaluate a model", evaluate._parser()),
    ],
)
def test_every_option_of_a_command_is_in_the_table(
    page: str, heading: str, known: ArgumentParser
) -> None:
    shown = re.findall(r"`(--[\w-]+)", " ".join(row[0] for row in table_rows(heading, DOCS[page])))
    options = {each for action in known._actions for each in action.option_strings}
    assert sorted(shown) == sorted(each for each in options - {"--help"} if each.startswith("--"))


def test_every_field_of_a_preprocessing_file_is_in_the_table() -> None:
    cells = [row[0] for row in table_rows("## If yours is another", DOCS["preprocessing.md"])]
    fields = [cell for cell in cells if re.fullmatch(r"`\w+`(, `\w+`)*", cell)]
    assert set(re.findall(r"\w+", " ".join(fields))) == set(Overrides.model_fields)


def test_every_variable_of_make_is_in_a_table() -> None:
    rows = table_rows("## Settings of make", DOCS["settings.md"])
    variables = re.findall(r"^(\w+) \?=", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE)
    shown = re.findall(r"`(\w+)`", " ".join(row[0] for row in rows))
    assert sorted(shown) == sorted([*variables, "PHOTOGRAPHS"])


def test_links_lead_somewhere() -> None:
    pages = {"README.md": README, **{f"docs/{name}": text for name, text in DOCS.items()}}
    for page, text in pages.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert ((PROJECT / page).parent / target).exists(), f"{page}: {target}"


def test_every_route_is_in_the_table() -> None:
    shown = " ".join(row[0] for row in table_rows("# API", DOCS["api.md"]))
    assert set(ROUTES) - set(dialects.ROUTES) <= set(re.findall(r"/\w+", shown))
    others = " ".join(row[0] for row in table_rows("# Other protocols", DOCS["protocols.md"]))
    assert set(re.findall(r"`[A-Z]+ (\S+)`", others)) == set(dialects.ROUTES)
