import gc
import inspect
import re
import shutil
import weakref
from http import HTTPStatus
from pathlib import Path

import pytest

import errors
from errors import (
    ClassifierError,
    ImageError,
    InvalidRequest,
    Overloaded,
    RequestError,
    reason_of,
    value_or_raise,
)

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, ClassifierError)
]
RAISED = [each for each in CLASSES if hasattr(each, "code")]


def drawn_tree() -> dict[str, tuple[str | None, int | None]]:
    """Parent and status of each class, as the module's docstring draws them."""
    tree: dict[str, tuple[str | None, int | None]] = {"ClassifierError": (None, None)}
    path = ["ClassifierError"]
    for line in (errors.__doc__ or "").splitlines():
        if drawn := re.match(r"    ((?:│   |    )*)[├└]── (\w+)(?: +(\d{3}))?", line):
            indent, name, status = drawn.groups()
            path[len(indent) // 4 + 1 :] = [name]
            tree[name] = (path[-2], int(status) if status else None)
    return tree


def test_the_drawn_tree_is_the_tree_of_the_classes() -> None:
    assert drawn_tree() == {
        each.__name__: (
            None if each is ClassifierError else each.__bases__[0].__name__,
            int(each.status) if hasattr(each, "status") else None,
        )
        for each in CLASSES
    }


@pytest.mark.parametrize("each", RAISED, ids=lambda each: each.__name__)
def test_every_error_has_a_status_and_a_code_of_its_own_name(each: type[ClassifierError]) -> None:
    assert isinstance(each.status, HTTPStatus)
    assert 400 <= each.status < 600
    # "not_found" is what clients know a missing route by.
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).lower()
    assert each.code == {"route_not_found": "not_found"}.get(snake, snake)


def test_clients_errors_are_4xx_and_the_services_are_5xx() -> None:
    for each in RAISED:
        clients = issubclass(each, (RequestError, ImageError))
        assert int(each.status) // 100 == (4 if clients else 5), each


@pytest.mark.parametrize("each", RAISED, ids=lambda each: each.__name__)
def test_the_envelope_is_the_code_and_the_message_and_nothing_else(
    each: type[ClassifierError],
) -> None:
    error = Overloaded("why", retry_after=1) if each is Overloaded else each("why")

    assert error.envelope() == {"error": {"code": each.code, "message": "why"}}
    assert (error.message, str(error)) == ("why", "why")


def test_headers_are_empty_unless_given_and_never_shared() -> None:
    assert InvalidRequest("why").headers == {}
    assert InvalidRequest("why", headers={"allow": "GET"}).headers == {"allow": "GET"}
    assert InvalidRequest("why").headers is not InvalidRequest("why").headers
    assert Overloaded("why", retry_after=7).headers == {"retry-after": "7"}


def test_a_value_passes_and_an_error_is_raised() -> None:
    assert value_or_raise(3) == 3
    with pytest.raises(InvalidRequest, match="wrong"):
        value_or_raise(InvalidRequest("wrong"))


def test_what_an_errors_frames_hold_is_let_go_with_the_error() -> None:
    class Body:
        pass

    def fail() -> "weakref.ref[Body]":
        body = Body()
        held = weakref.ref(body)
        try:
            value_or_raise([InvalidRequest("wrong")].pop())
        except InvalidRequest:
            return held
        raise AssertionError

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_a_reason_has_no_number_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as absent:
        (tmp_path / "absent").read_bytes()
    assert reason_of(absent.value) == f"No such file or directory: '{tmp_path}/absent'"
    assert reason_of(ValueError("why")) == "why"
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "link").symlink_to("nowhere")
    with pytest.raises(shutil.Error) as not_copied:
        shutil.copytree(source, target)
    assert reason_of(not_copied.value) == f"No such file or directory: '{source}/link'"
