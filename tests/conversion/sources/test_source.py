from conversion.sources.source import extra
from tests.support.refusals import refusal


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    assert refusal(extra, "no_such_package") == (
        "no_such_package is not installed; install it with: pip install '.[no_such_package]'"
    )
