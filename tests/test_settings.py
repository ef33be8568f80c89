import os
import re

import pytest
from pydantic import SecretStr, ValidationError

from errors import StartupError
from settings import PREFIX, AccessLog, Device, Settings, load_settings

DEFAULTS = Settings.model_construct().model_dump()
"""Whatever the environment says; tests/test_documents.py compares them with docs/settings.md."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "image_classifier:abc", "image_classifier:abc"),
        ("device", "tensorrt", Device.TENSORRT),
        ("workers", "3", 3),
        ("decode_threads", "0", 0),
        ("scaled_decode", "false", False),
        ("max_batch_delay_ms", "2.5", 2.5),
        ("deadline_ms", "1500", 1500),
        ("max_aspect_ratio", "1", 1.0),
        ("api_keys", "a,b", SecretStr("a,b")),
        ("pages_need_key", "true", True),
        ("cors_origins", "https://a.test", "https://a.test"),
        ("access_log", "1", AccessLog.HUMAN),
        ("access_log", "True", AccessLog.HUMAN),
        ("access_log", "false", AccessLog.OFF),
        ("access_log", "off", AccessLog.OFF),
        ("access_log", "json", AccessLog.JSON),
        ("access_log", "human", AccessLog.HUMAN),
    ],
)
def test_a_variable_sets_its_field_and_no_other(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), text)

    assert load_settings().model_dump() == DEFAULTS | {name: value}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_means_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), "")

    assert load_settings().model_dump() == DEFAULTS


INVALID = [
    ("access_log", "loud", "Input should be 'off', 'json' or 'human'"),
    ("device", "tpu", "Input should be 'auto', 'cpu', 'openvino', 'cuda' or 'tensorrt'"),
    ("decode_threads", "-1", "Input should be greater than or equal to 0"),
    ("max_batch_delay_ms", "-0.1", "Input should be greater than or equal to 0"),
    ("max_batch_delay_ms", "nan", "Input should be a finite number"),
    ("max_batch_delay_ms", "inf", "Input should be a finite number"),
    ("max_batch_delay_ms", "3600001", "Input should be less than or equal to 3600000"),
    ("deadline_ms", "3600001", "Input should be less than or equal to 3600000"),
    ("max_aspect_ratio", "inf", "Input should be a finite number"),
    ("max_aspect_ratio", "0.99", "Input should be greater than or equal to 1"),
    ("max_aspect_ratio", "wide", "Input should be a valid number"),
    ("max_pixels", "1.5", "Input should be a valid integer"),
    ("max_pixels", "many", "Input should be a valid integer"),
    *(
        (name, "0", "Input should be greater than 0")
        for name, default in DEFAULTS.items()
        if name in ("workers", "intra_op_threads", "max_batch_size")
        or (type(default) is int and name != "drain_ms")
    ),
    ("drain_ms", "-1", "Input should be greater than or equal to 0"),
]


@pytest.mark.parametrize(("name", "text", "problem"), INVALID)
def test_an_invalid_value_names_its_variable_and_what_is_wrong(
    name: str, text: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = PREFIX + name.upper()
    monkeypatch.setenv(variable, text)

    with pytest.raises(StartupError, match=re.escape(f"{variable}={text}: {problem}")):
        load_settings()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("secret\nother", "a key holds a line break or the like; keys are separated by commas"),
        ("secret\tother", "a key holds a line break or the like; keys are separated by commas"),
        (" , ", "there is no key in it, and everybody would be let in"),
    ],
)
def test_keys_that_no_client_can_send_are_refused_and_not_shown(
    keys: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_API_KEYS", keys)

    with pytest.raises(StartupError) as caught:
        load_settings()
    assert str(caught.value) == f"CLASSIFIER_API_KEYS=…: Value error, {problem}"
    assert "secret" not in str(caught.value.__cause__)


def test_every_invalid_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_WORKERS", "0")
    monkeypatch.setenv("CLASSIFIER_DEVICE", "tpu")

    with pytest.raises(StartupError) as caught:
        load_settings()
    assert str(caught.value) == (
        "CLASSIFIER_DEVICE=tpu: Input should be 'auto', 'cpu', 'openvino', 'cuda' or 'tensorrt'; "
        "CLASSIFIER_WORKERS=0: Input should be greater than 0"
    )


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE", "tpu")

    assert load_settings().device is Device.AUTO


def test_times_are_also_given_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_DEADLINE_MS", "1500")
    monkeypatch.setenv("CLASSIFIER_DECODE_CPU_MS", "250")
    settings = load_settings()

    assert (settings.deadline, settings.decode_seconds) == (1.5, 0.25)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_API_KEYS", " a, b ,,")
    monkeypatch.setenv("CLASSIFIER_CORS_ORIGINS", "https://a.test,https://b.test")
    settings = load_settings()

    assert settings.keys == ["a", "b"]
    assert settings.origins == ["https://a.test", "https://b.test"]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().gpus = 2
