"""Tiny networks of random weights, saved as their libraries save them."""

import json
import shutil
from pathlib import Path

import pytest

from conversion.original import original_of
from conversion.request import Request
from tests.support import refusals

LABELS = ("cup", "saucer", "spoon")

# The smallest network of timm: 0.4 million parameters, 160 pixels.
TIMM_TINY = "test_resnet.r160_in1k"


def refusal(folder: Path) -> str:
    """The one line with which conversion refuses a saved folder."""
    return refusals.refusal(original_of, Request(f"hf:{folder}"))


def change(file: Path, **content: object) -> None:
    """Give keys of a JSON file other values; None removes a key."""
    changed = {**json.loads(file.read_text()), **content}
    kept = {key: value for key, value in changed.items() if value is not None}
    file.write_text(json.dumps(kept))


def save_vit(folder: Path, side: int = 32, **config: object) -> Path:
    """A ViT with a processor that squashes; answers differ from photograph to photograph."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    made = transformers.ViTConfig(
        **{"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
        **{"intermediate_size": 32, "image_size": side, "patch_size": side // 4},
        **{"initializer_range": 0.5, "id2label": dict(enumerate(LABELS)), **config},
    )
    transformers.ViTForImageClassification(made).save_pretrained(folder)
    size = {"height": side, "width": side}
    transformers.ViTImageProcessor(size=size).save_pretrained(folder)
    return folder


def save_timm(folder: Path, **arguments: object) -> Path:
    """timm's smallest network with safetensors and labels."""
    timm = pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = timm.create_model(TIMM_TINY, num_classes=len(LABELS), **arguments)
    config = {"label_names": list(LABELS)}
    timm.models.save_for_hf(network, folder, model_config=config, safe_serialization=True)
    return folder


def copied(saved: Path, folder: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(saved, folder / saved.name))
