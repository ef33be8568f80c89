import pytest

from errors import Unauthorized
from serving.transport.keys import ApiKeys, page_label


def is_open(path: str, *, of_page: bool, pages_need_key: bool) -> bool:
    """Whether a request without a key is let in."""
    try:
        ApiKeys(["k"], pages_need_key=pages_need_key).check(path, {}, of_page=of_page)
    except Unauthorized:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "of_page", "without", "with_pages"),
    [
        ("/health", True, True, True),
        ("/", True, True, True),
        ("/page/page.js", True, True, True),
        ("/", False, False, False),  # POST: an image for a client of Hugging Face's
        ("/docs", True, True, False),
        ("/metrics", False, True, False),
        ("/model", False, True, False),
        ("/classify", False, False, False),
    ],
)
def test_which_paths_ask_for_a_key(
    path: str, of_page: bool, without: bool, with_pages: bool
) -> None:
    assert is_open(path, of_page=of_page, pages_need_key=False) is without
    assert is_open(path, of_page=of_page, pages_need_key=True) is with_pages


@pytest.mark.parametrize(
    ("headers", "right"),
    [
        ({b"x-api-key": b"k"}, True),
        ({b"authorization": b"Bearer k"}, True),
        ({b"authorization": b"bearer  k "}, True),
        ({b"authorization": b"Basic k"}, False),
        ({b"authorization": b"k"}, False),
        ({b"x-api-key": b"other, k"}, False),
        ({b"x-api-key": b""}, False),
        ({b"x-api-key": b"K"}, False),
        ({}, False),
    ],
)
def test_keys_are_read_from_two_headers(headers: dict[bytes, bytes], right: bool) -> None:
    keys = ApiKeys(["other", "k"], pages_need_key=False)
    if right:
        keys.check("/classify", headers, of_page=False)
    else:
        with pytest.raises(Unauthorized):
            keys.check("/classify", headers, of_page=False)


def test_without_keys_everybody_is_let_in() -> None:
    ApiKeys([], pages_need_key=True).check("/classify", {}, of_page=False)


def test_unknown_paths_below_bentomls_folders_make_no_labels() -> None:
    assert page_label("/static_content/\n../../x") == "/static_content/"
    assert page_label("/assets/x") == "/assets/"
    assert page_label("/x") == "other"
