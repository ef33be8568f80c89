from typing import Any

import pytest

from errors import InvalidParameter
from inference.answers.embedding import EmbeddingForm
from serving.api.parameters import (
    first_given,
    parameters_of_form,
    parameters_of_json,
    parameters_of_query,
)
from serving.parameters import DEFAULTS, MapForm, Parameters

FORM = EmbeddingForm.BASE64


def test_the_parameters_stand_in_a_query_a_form_or_json() -> None:
    expected = Parameters(top_k=3, threshold=0.25)
    assert parameters_of_query("top_k=3&threshold=.25&other=1") == expected
    assert parameters_of_form([("top_k", "3"), ("threshold", "0.25")]) == expected
    assert parameters_of_json({"top_k": 3, "threshold": 0.25, "image": "AAAA"}) == expected


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("topk", "top_k"), ("top-k", "top_k"), ("topK", "top_k"), ("TOP_K", "top_k")),
        *(("treshold", "threshold"), ("normalized", "normalised"), ("classIds", "class_ids")),
    ],
)
def test_a_misspelled_parameter_is_refused_and_named(name: str, meant: str) -> None:
    message = f"^there is no parameter '{name}'; it is '{meant}'$"
    with pytest.raises(InvalidParameter, match=message):
        parameters_of_query(f"{name}=1")
    with pytest.raises(InvalidParameter, match=message):
        parameters_of_json({name: 1})


@pytest.mark.parametrize("name", ["image", "images", "k", "class", "model", "_", "", "top_k" * 9])
def test_a_name_that_is_like_no_parameter_may_be_there(name: str) -> None:
    assert parameters_of_json({name: 1}) is DEFAULTS


def test_what_is_not_given_is_left_to_the_service() -> None:
    assert parameters_of_query("") is DEFAULTS
    assert parameters_of_form([]) is DEFAULTS
    assert parameters_of_form([("top_k", ""), ("threshold", "null")]) == DEFAULTS
    assert parameters_of_json({"top_k": None, "threshold": None}) == DEFAULTS


def test_the_body_counts_before_the_query() -> None:
    body, query = Parameters(top_k=1), Parameters(top_k=2, threshold=0.5)
    assert first_given(body, query) == Parameters(top_k=1, threshold=0.5)
    assert first_given(body, DEFAULTS) is body


def test_a_threshold_of_zero_is_a_threshold() -> None:
    body, query = parameters_of_json({"threshold": 0}), Parameters(threshold=0.5)
    assert first_given(body, query) == Parameters(threshold=0.0)


@pytest.mark.parametrize(
    ("text", "threshold"),
    [("0", 0.0), ("1", 1.0), ("1.", 1.0), (" 0.5 ", 0.5), ("5e-1", 0.5), ("1E-300", 1e-300)],
)
def test_a_threshold_is_a_decimal_number(text: str, threshold: float) -> None:
    assert parameters_of_form([("threshold", text)]).threshold == threshold


@pytest.mark.parametrize("text", ["nan", "inf", "0_1", "٠.٥", "0,5", "half", "0x1", ".", "--0.1"])
def test_a_threshold_is_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parameters_of_form([("threshold", text)])
    assert str(caught.value) == f"threshold must be a number from 0 to 1, not {text!r}"


@pytest.mark.parametrize("text", ["1" * 1_000_000, "." + "1" * 1_000_000, "1e" + "1" * 1_000_000])
def test_a_long_text_is_refused_as_soon_as_a_short_one(text: str) -> None:
    """A pattern that tries every way to divide the digits would take weeks."""
    with pytest.raises(InvalidParameter, match=r"^threshold must be a number from 0 to 1, not "):
        parameters_of_form([("threshold", f"{text}x")])


@pytest.mark.parametrize("value", [True, "0.5", [0.5], {}])
def test_a_threshold_of_another_kind_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^threshold must be a number from 0 to 1, not "):
        parameters_of_json({"threshold": value})


@pytest.mark.parametrize("value", [-1e-9, 1.000001, 10**400, float("nan"), float("inf")])
def test_a_threshold_beyond_its_bounds_is_refused(value: float) -> None:
    with pytest.raises(InvalidParameter, match=r"^threshold must be from 0 to 1, not "):
        parameters_of_json({"threshold": value})


@pytest.mark.parametrize("text", ["-0.1", "1.1", "1e999", "9" * 500])
def test_a_threshold_in_text_has_the_same_bounds(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^threshold must be from 0 to 1, not "):
        parameters_of_query(f"threshold={text}")


def test_an_empty_value_in_a_query_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="not ''"):
        parameters_of_query("threshold=")


def test_a_form_names_a_parameter_once() -> None:
    with pytest.raises(InvalidParameter, match="the form has 2 fields 'threshold', send one"):
        parameters_of_form([("threshold", "0.5"), ("top_k", "1"), ("threshold", "0.5")])


@pytest.mark.parametrize(
    ("text", "value", "form"),
    [
        ("true", True, EmbeddingForm.LIST),
        ("false", False, EmbeddingForm.NONE),
        ("list", "list", EmbeddingForm.LIST),
        ("base64", "base64", EmbeddingForm.BASE64),
    ],
)
def test_an_embedding_is_wanted_as_a_list_or_as_base64(
    text: str, value: object, form: EmbeddingForm
) -> None:
    assert parameters_of_query(f"embedding={text}").embedding is form
    # As BentoML's client sends a text in a form.
    assert parameters_of_form([("embedding", f'"{text}"')]).embedding is form
    assert parameters_of_json({"embedding": value}).embedding is form


def test_an_embedding_that_the_body_does_not_want_is_not_given() -> None:
    wanted = first_given(parameters_of_json({"embedding": False}), Parameters(None, None, FORM))
    assert wanted.embedding is EmbeddingForm.NONE


@pytest.mark.parametrize("value", ["yes", "none", "", "True", 1, [], {}])
def test_another_form_of_embedding_is_refused(value: Any) -> None:
    with pytest.raises(
        InvalidParameter, match=r"^embedding must be true, false, list or base64, not "
    ):
        parameters_of_json({"embedding": value})


def test_an_embedding_is_normalised_or_not() -> None:
    assert parameters_of_query("normalised=true").normalised is True
    assert parameters_of_json({"normalised": False}).normalised is False
    with pytest.raises(InvalidParameter, match=r"^normalised must be true or false, not '1'$"):
        parameters_of_query("normalised=1")
    with pytest.raises(InvalidParameter, match=r"^normalised must be true or false, not '1'$"):
        parameters_of_json({"normalised": 1})


def test_an_answer_is_explained_or_not() -> None:
    assert parameters_of_query("explain=true").explain is True
    assert parameters_of_form([("explain", "false")]).explain is False
    assert parameters_of_json({"explain": True}).explain is True
    with pytest.raises(InvalidParameter, match=r"^explain must be true or false, not 'yes'$"):
        parameters_of_form([("explain", "yes")])


@pytest.mark.parametrize("text", ["3,1", " 3 , 1 ", "[3, 1]"])  # the last: BentoML's client
def test_class_ids_are_separated_by_commas(text: str) -> None:
    assert parameters_of_form([("class_ids", text)]) == Parameters(class_ids=(3, 1))
    assert parameters_of_json({"class_ids": [3, 1]}) == Parameters(class_ids=(3, 1))


@pytest.mark.parametrize(
    "text", ["-1", "1,,2", "1;2", "one", "1" * 10, "1," * 5_000_000, "1" + ",1" * 20, "[]", "٣"]
)
def test_class_ids_are_a_few_whole_numbers_and_commas(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^class_ids must be 1 to 20 whole numbers, sep"):
        parameters_of_form([("class_ids", text)])


@pytest.mark.parametrize("value", ["1", 1, [True], [1.0], ["1"], {}])
def test_class_ids_in_json_are_a_list_of_whole_numbers(value: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^class_ids must be a list of whole numbers$"):
        parameters_of_json({"class_ids": value})


@pytest.mark.parametrize("count", [0, 21])
def test_class_ids_in_json_are_a_few(count: int) -> None:
    with pytest.raises(InvalidParameter, match=rf"^class_ids must have 1 to 20, not {count}$"):
        parameters_of_json({"class_ids": [0] * count})


def test_a_map_has_one_of_two_forms() -> None:
    assert parameters_of_query("map=png").map is MapForm.PNG
    assert parameters_of_form([("map", '"values"')]).map is MapForm.VALUES
    assert parameters_of_json({"map": "png"}).map is MapForm.PNG


@pytest.mark.parametrize("value", ["jpeg", 1, ["png"], True])
def test_another_form_of_map_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"^map must be values or png, not "):
        parameters_of_json({"map": value})
