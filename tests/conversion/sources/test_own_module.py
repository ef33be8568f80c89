import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from conversion.sources.own_module import OwnModule
from model_spec import Interpolation, Size
from tests.support.refusals import refusal

CODE = """
from torch import nn

from my_package.layers import pooled

def build(num_classes):
    return nn.Sequential(pooled(), nn.Linear(3, num_classes))

def broken(num_classes):
    raise RuntimeError("out of layers\\nat all")

def other(num_classes):
    return [num_classes]

def without_argument():
    return nn.Identity()

def in_halves(num_classes):
    return pooled().append(nn.Linear(3, num_classes)).half()

def usage(num_classes):
    raise SystemExit("usage: train.py")

WIDTH = 8
"""

LAYERS = """
from torch import nn

def pooled():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A current folder with a package, which is forgotten afterwards."""
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "models.py").write_text(CODE)
    (package / "layers.py").write_text(LAYERS)
    (package / "unfinished.py").write_text("def build(:")
    (package / "script.py").write_text("import sys; sys.exit(2)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def test_the_function_is_called_with_the_number_of_classes() -> None:
    network = OwnModule("my_package.models:build").build(5)
    assert network(torch.zeros(2, 3, 4, 4)).shape == (2, 5)


def test_a_network_of_16_bits_is_made_one_of_32() -> None:
    network = OwnModule("my_package.models:in_halves").build(5)
    assert {each.dtype for each in network.parameters()} == {torch.float32}


def test_nothing_is_imported_before_the_network_is_wanted() -> None:
    source = OwnModule("my_package.models:build")
    assert source.description.labels is None
    assert "my_package.models" not in sys.modules


def test_the_preprocessing_is_imagenets_and_only_assumed() -> None:
    found = OwnModule("my_package.models:build").description
    assert found.assumed
    assert found.preprocessing.interpolation is Interpolation.BILINEAR
    assert found.preprocessing.resize_size == Size.square(256)
    assert found.preprocessing.mean == pytest.approx([255 * x for x in (0.485, 0.456, 0.406)])
    assert found.preprocessing.std == pytest.approx([255 * x for x in (0.229, 0.224, 0.225)])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "my_package.model:build",
            "cannot import my_package.model from the current folder "
            "(ModuleNotFoundError: No module named 'my_package.model')",
        ),
        (
            "my_package.unfinished:build",
            "cannot import my_package.unfinished from the current folder "
            "(SyntaxError: invalid syntax (unfinished.py, line 1))",
        ),
        ("my_package.models:built", "my_package.models has no function 'built'"),
        ("my_package.models:WIDTH", "my_package.models has no function 'WIDTH'"),
        (
            "my_package.models:broken",
            "my_package.models:broken(num_classes=2) failed (RuntimeError: out of layers)",
        ),
        (
            "my_package.models:without_argument",
            "my_package.models:without_argument(num_classes=2) failed (TypeError: "
            "without_argument() got an unexpected keyword argument 'num_classes')",
        ),
        ("my_package.models:other", "my_package.models:other gave a list, not a torch.nn.Module"),
        (
            "my_package.models:usage",
            "my_package.models:usage(num_classes=2) failed (it ends the program: usage: train.py; "
            'keep what a script does behind if __name__ == "__main__")',
        ),
        (
            "my_package.script:build",
            "cannot import my_package.script from the current folder (it ends the program: 2; "
            'keep what a script does behind if __name__ == "__main__")',
        ),
        (
            "./my_package/models.py:build",
            "./my_package/models.py is a file; write my_package.models:build",
        ),
        (":build", "':build' names no module; write PACKAGE.MODULE:FUNCTION"),
    ],
)
def test_what_is_slightly_wrong_is_said_in_one_line(name: str, message: str) -> None:
    assert refusal(OwnModule(name).build, 2) == message


def test_it_has_no_published_weights() -> None:
    assert refusal(OwnModule("my_package.models:build").published) == (
        "my_package.models:build is your own network; give its weights with --weights"
    )


def test_code_may_have_changed_since_the_last_conversion() -> None:
    source = OwnModule("my_package.models:build")
    assert source.facts() != source.facts()
