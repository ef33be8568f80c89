import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from torchvision.models import ResNet50_Weights

from conversion.errors import ConversionError
from conversion.weights.files import (
    LOCK_FILE,
    LockedFile,
    download,
    locked,
    locked_weights,
    own_weights,
)
from model_spec import Weights
from tests.conversion.weights.loopback import CONTENT, Loopback
from tests.support.refusals import refusal

SHA256 = sha256(CONTENT).hexdigest()
LOCK = LockedFile("x.pth", "somebody", None, "MIT", size_mib=0.01, sha256=SHA256)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_entry_of_the_lock_is_a_locked_file() -> None:
    names = json.loads(LOCK_FILE.read_text()).keys()
    entries = {name: locked(name) for name in names}
    assert entries.keys() >= {"efficientnet_lite0", "resnet50"}
    assert all(isinstance(entry, LockedFile) for entry in entries.values())


def test_what_the_lock_says_of_resnet50() -> None:
    entry = locked("resnet50")
    assert entry is not None
    assert replace(entry, sha256=None) == LockedFile(
        file="resnet50-11ad3fa6.pth",
        source="torchvision ResNet50_Weights.IMAGENET1K_V2",
        url=ResNet50_Weights.IMAGENET1K_V2.url,
        licence="BSD-3-Clause",
        size_mib=97.79,
    )
    assert locked("alexnet") is None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a weights file."""
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    return path


def test_the_right_file_passes(path: Path) -> None:
    expected = Weights(pretrained=True, source="somebody", sha256=SHA256, licence="MIT")
    assert locked_weights(path, LOCK) == expected


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("x.pth", {"size_mib": 0.02}, "x.pth has 7000 bytes, the lock says 0.02 MiB"),
        (
            "x.pth",
            {"sha256": "0" * 64},
            f"x.pth has sha256 {SHA256[:16]}…, expected 0000000000000000…",
        ),
        (
            "net-01234567.pth",
            {"sha256": None},
            f"net-01234567.pth has sha256 {SHA256[:16]}…, expected 01234567…",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_differs(
    path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    assert (
        refusal(locked_weights, path.rename(path.with_name(name)), replace(LOCK, **changes))
        == f"{message}; delete it and try again"
    )


def test_the_hash_in_a_files_name_counts_where_the_lock_has_none(path: Path) -> None:
    named = path.rename(path.with_name(f"net-{SHA256[:8]}.pth"))
    assert locked_weights(named, replace(LOCK, sha256=None)).sha256 == SHA256


def test_a_download_is_kept_and_used_again(weights_folder: Path, loopback: Loopback) -> None:
    url = f"{loopback.url}/models/x.pth?version=2"
    assert download(url) == download(url) == weights_folder / "checkpoints" / "x.pth"
    assert (weights_folder / "checkpoints" / "x.pth").read_bytes() == CONTENT
    assert loopback.asked == ["/models/x.pth?version=2"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/x.pth", "refused"),
        ("http://127.0.0.1:port/x.pth", "nonnumeric port"),
        ("nothing://127.0.0.1/x.pth", "unknown url type"),
    ],
)
def test_an_unreachable_url_names_the_file_to_put_there(
    weights_folder: Path, url: str, reason: str
) -> None:
    with pytest.raises(
        ConversionError, match=rf"^cannot download {url} \(.*{reason}.*\); put that file at "
    ) as caught:
        download(url)
    assert str(Path("weights/checkpoints/x.pth")) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any((weights_folder / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent/x.pth", "HTTP Error 404"),
        ("half/x.pth", "only 100 of 7000 bytes arrived"),
        ("chunks/x.pth", "IncompleteRead"),
    ],
)
def test_a_broken_download_leaves_no_file(
    weights_folder: Path, loopback: Loopback, path: str, reason: str
) -> None:
    with pytest.raises(ConversionError, match=reason):
        download(f"{loopback.url}/{path}")
    assert not any((weights_folder / "checkpoints").iterdir())


def test_a_users_own_file_is_named_but_not_its_folder(path: Path) -> None:
    # The digits are a date, no hash.
    own = path.rename(path.with_name("mine-20261122.pth"))
    described = Weights(pretrained=True, source="mine-20261122.pth", sha256=SHA256, licence=None)
    assert own_weights(str(own)) == (own, described)


def test_a_users_own_url_is_downloaded_into_a_folder_of_its_own(
    weights_folder: Path, loopback: Loopback
) -> None:
    for folder in ("", "models/"):
        url = f"{loopback.url}/{folder}mine.pth"
        path, described = own_weights(url)
        assert described == Weights(pretrained=True, source=url, sha256=SHA256, licence=None)
        assert path.name == "mine.pth"
        assert path.parent.parent == weights_folder / "checkpoints"
    assert loopback.asked == ["/mine.pth", "/models/mine.pth"]


def test_a_users_own_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"^no weights file .*absent\.pth$"):
        own_weights(str(tmp_path / "absent.pth"))
