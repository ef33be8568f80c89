from conversion.sources.source import extra, on_byte_scale
from tests.support.refusals import refusal


def test_channels_of_0_to_1_become_those_of_0_to_255() -> None:
    assert on_byte_scale((0.0, 0.2, 1.0)) == (0.0, 51.0, 255.0)


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    assert refusal(extra, "no_such_package") == (
        "no_such_package is not installed; install it with: pip install '.[no_such_package]'"
    )


def test_a_package_that_is_there_is_imported() -> None:
    assert extra("json").loads("3") == 3
