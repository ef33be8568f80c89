import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from torchvision.models import ResNet50_Weights

from conversion.errors import ConversionError
from conversion.weights.files import (
    LOCK_FILE,
    LockedFile,
    download,
    locked,
    own_weights,
    verified,
)
from model_spec import Weights
from tests.conversion.weights.loopback import CONTENT, Loopback

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


def test_an_architecture_without_an_entry_is_not_locked() -> None:
    assert locked("alexnet") is None


def test_the_right_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    assert verified(path, LOCK) == SHA256
    assert verified(path, None) == SHA256


def test_a_wrong_hash_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(
        ConversionError, match=rf"^x\.pth has sha256 {SHA256[:16]}…, expected 0000000000000000…"
    ):
        verified(path, replace(LOCK, sha256="0" * 64))


def test_a_wrong_size_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(
        ConversionError, match=r"^x\.pth has 7000 bytes, the lock says 0\.02 MiB; delete it"
    ):
        verified(path, replace(LOCK, size_mib=0.02))


def test_the_hash_in_a_files_name_counts_where_the_lock_has_none(tmp_path: Path) -> None:
    right, wrong = tmp_path / f"net-{SHA256[:8]}.pth", tmp_path / "net-01234567.pth"
    for path in (right, wrong):
        path.write_bytes(CONTENT)
    lock = replace(LOCK, sha256=None)
    assert verified(right, lock) == SHA256
    with pytest.raises(
        ConversionError,
        match=rf"net-01234567\.pth has sha256 {SHA256[:16]}…, expected 01234567",
    ):
        verified(wrong, lock)


def test_digits_in_the_name_of_a_users_own_file_are_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine-20261122.pth"
    path.write_bytes(CONTENT)
    assert verified(path, None) == SHA256


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


def test_a_users_own_file_is_named_but_not_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(CONTENT)
    described = Weights(pretrained=True, source="mine.pth", sha256=SHA256, licence=None)
    assert own_weights(str(path)) == (path, described)


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
