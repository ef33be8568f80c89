import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import ResNet50_Weights

from conversion import weights
from conversion.architectures import published_file
from conversion.errors import ConversionError
from conversion.weights import LockedFile, download, fill, load_state_dict, locked, own_weights
from model_spec import Weights
from tests.conversion.loopback import CONTENT, Loopback

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


class Malicious:
    """Makes a file when a pickle of it is loaded with its code."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def stored(folder: Path, content: object, name: str = "x.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def test_every_entry_of_the_lock_is_a_locked_file() -> None:
    names = json.loads(weights.LOCK_FILE.read_text()).keys()
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


def test_the_default_weights_are_the_locked_ones() -> None:
    path, lock = published_file("efficientnet_lite0")
    assert path.name == lock.file
    assert weights.verified(path, lock) == lock.sha256


def test_the_right_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    assert weights.verified(path, LOCK) == SHA256
    assert weights.verified(path, None) == SHA256


def test_a_wrong_hash_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(
        ConversionError, match=rf"^x\.pth has sha256 {SHA256[:16]}…, expected 0000000000000000…"
    ):
        weights.verified(path, replace(LOCK, sha256="0" * 64))


def test_a_wrong_size_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(CONTENT)
    with pytest.raises(
        ConversionError, match=r"^x\.pth has 7000 bytes, the lock says 0\.02 MiB; delete it"
    ):
        weights.verified(path, replace(LOCK, size_mib=0.02))


def test_the_hash_in_a_files_name_counts_where_the_lock_has_none(tmp_path: Path) -> None:
    right, wrong = tmp_path / f"net-{SHA256[:8]}.pth", tmp_path / "net-01234567.pth"
    for path in (right, wrong):
        path.write_bytes(CONTENT)
    lock = replace(LOCK, sha256=None)
    assert weights.verified(right, lock) == SHA256
    with pytest.raises(
        ConversionError,
        match=rf"net-01234567\.pth has sha256 {SHA256[:16]}…, expected 01234567",
    ):
        weights.verified(wrong, lock)


def test_digits_in_the_name_of_a_users_own_file_are_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine-20261122.pth"
    path.write_bytes(CONTENT)
    assert weights.verified(path, None) == SHA256


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


STATE = {"a.weight": torch.tensor([[1.0, 2.0]]), "a.bias": torch.tensor([3.0])}


def assert_is_state(found: dict[str, torch.Tensor]) -> None:
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in STATE.items())


def test_a_state_dict_is_read(tmp_path: Path) -> None:
    assert_is_state(load_state_dict(stored(tmp_path, STATE)))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors")
    assert_is_state(load_state_dict(tmp_path / "x.safetensors"))


def test_a_training_checkpoint_and_dataparallels_prefix_are_looked_through(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in STATE.items()}
    assert_is_state(load_state_dict(stored(tmp_path, {"state_dict": state, "epoch": 3})))


def test_a_pickles_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The other precaution, which is meant for torchvision's own loading.
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    made = tmp_path / "made"
    path = stored(tmp_path, {**STATE, "b": Malicious(made)})
    with pytest.raises(ConversionError, match=r"^x\.pth is not a state_dict \(UnpicklingError\)"):
        load_state_dict(path)
    assert not made.exists()
    # It would have been, without this precaution.
    torch.load(path, weights_only=False)
    assert made.exists()


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ConversionError, match=rf"^{name} is not a state_dict \(\w+\); save one with .*$"
    ):
        load_state_dict(tmp_path / name)


@pytest.mark.parametrize(
    "content", [[torch.ones(1)], {"a": 1}, {1: torch.ones(1)}, STATE["a.bias"]]
)
def test_anything_but_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ConversionError, match=r"^x\.pth is not a state_dict \(it holds more than"):
        load_state_dict(stored(tmp_path, content))


def test_a_network_is_filled() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    state = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    # Files from before PyTorch 0.4.1 have no counters.
    del state["1.num_batches_tracked"]
    fill(network, state, "x.pth", classes=1)
    filled = network.state_dict()
    assert all(torch.equal(filled[name], tensor) for name, tensor in state.items())


def test_what_does_not_fit_is_listed() -> None:
    state = {"weight": torch.zeros(3, 4), "other": torch.zeros(1)}
    with pytest.raises(ConversionError) as caught:
        fill(nn.Linear(2, 1), state, "x.pth", classes=1)
    assert str(caught.value) == (
        "x.pth does not fit the network; missing: bias; unexpected: other; "
        "of another shape: weight [3, 4] instead of [1, 2]"
    )


def test_labels_of_another_number_than_the_classes_are_named_as_the_reason() -> None:
    state = nn.Linear(2, 3).state_dict()
    with pytest.raises(
        ConversionError,
        match=r"^1 labels do not fit x\.pth, which tells 3 classes apart; give --labels",
    ):
        fill(nn.Linear(2, 1), state, "x.pth", classes=1)


def test_more_than_five_names_are_counted() -> None:
    state = {f"other{number}": torch.zeros(1) for number in range(7)}
    with pytest.raises(
        ConversionError, match=r"unexpected: other0, other1, other2, other3, other4 and 2 more$"
    ):
        fill(nn.Identity(), state, "x.pth", classes=1)
