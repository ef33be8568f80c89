"""What conversion says when it refuses."""

from collections.abc import Callable
from typing import ParamSpec

import pytest

from conversion.errors import ConversionError

P = ParamSpec("P")


def refusal(do: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> str:
    """The one line with which a call refuses."""
    with pytest.raises(ConversionError) as caught:
        do(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)
