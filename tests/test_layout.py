"""`tests/` mirrors the source."""

from pathlib import Path

from harness.servers import PROJECT

TESTS = PROJECT / "tests"

ROOMS = {file.parent.name for file in PROJECT.glob("*/__init__.py")} - {"tests"}
MOST_FILES = 10
"""Of Python, in one folder."""

WITHOUT_SOURCE = {
    "conversion/test_pipelines.py": "a converted model against its library's own pipeline",
    "conversion/outputs/test_decisions.py": "`--activation` and `--threshold` as typed",
    "deploy": "container, Kubernetes, proxies: no Python",
    "examples": "run as users run them",
    "benchmarks/tune/test_serve.py": "`make serve` with tuned settings",
    "preprocessing/test_hostile_files.py": "the files of hostile/",
    "preprocessing/ordinary/test_two_readers.py": "the grammar against Pillow",
    "preprocessing/test_scaled.py": "decode and transform together",
    "serving/page/browser": "the page, in a real browser",
    "serving/api/dialects/test_clients.py": "a whole server, asked by other servers' clients",
    "serving/api/dialects/test_dialects.py": "a whole server, in other servers' protocols",
    "serving/test_contract.py": "a whole server against its own schema",
    "serving/test_faults.py": "a whole server whose workers are broken",
    "serving/test_hostile.py": "a whole server and the requests of hostile/",
    "serving/test_http.py": "a whole server, answers",
    "serving/test_http_clients.py": "a whole server, asked by BentoML's client",
    "serving/test_http_errors.py": "a whole server, errors",
    "serving/test_observability.py": "a whole server, what it shows of itself",
    "serving/test_one_model.py": "a whole server, which serves one model",
    "serving/test_startup.py": "a whole server, its start",
    "test_dependencies.py": "lists of dependencies, directions of imports",
    "test_documents.py": "tables and links of the README and of `docs/`",
    "test_explanations.py": "the default model, explained",
    "test_layout.py": "this",
    "test_own_models.py": "the README's section on models of one's own",
    "test_photographs.py": "the default model with real photographs",
    "test_readme.py": "the commands of the README and of `docs/`",
}
"""Tests, or folders of them, that are not of one source file, and what they are of."""


def sources(test: Path) -> list[Path]:
    """The files that a test may be of.

    ``test_runner_batches.py`` is of ``runner_batches.py``, or one of the tests of ``runner.py``;
    ``test_main.py`` is of ``__main__.py``.
    """
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:end]) for end in range(1, len(words) + 1)]
    folder = PROJECT / test.parent
    return [folder / f"{'__main__' if name == 'main' else name}.py" for name in names]


def test_every_test_is_of_a_source_file() -> None:
    tests = {file.relative_to(TESTS) for file in TESTS.rglob("test_*.py")}
    lost = {test for test in tests if not any(file.exists() for file in sources(test))}
    excepted = {Path(name) for name in WITHOUT_SOURCE}
    assert sorted(str(t) for t in lost if not excepted & {t, *t.parents}) == []


def test_the_exceptions_exist() -> None:
    assert [name for name in WITHOUT_SOURCE if not (TESTS / name).exists()] == []


def test_no_folder_of_the_source_is_crowded() -> None:
    folders = {file.parent for file in PROJECT.glob("*/**/*.py")}
    own = {each for each in folders if each.relative_to(PROJECT).parts[0] in ROOMS}
    assert {PROJECT / room for room in ROOMS} <= own
    counts = {each.relative_to(PROJECT): len(list(each.glob("*.py"))) for each in own}
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}
