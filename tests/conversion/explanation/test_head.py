import pytest

from conversion.explanation.head import Head, Linear, Norm, OtherHead, find_head
from tests.conversion.explanation.heads import HEADS, OTHERS, graph

EPSILON = 1e-5
"""Of ONNX's LayerNormalization, unless it says another."""

GEMM = Linear("weights", by_class=True, bias="bias")

FOUND = {
    "reduce mean, gemm": Head("logits", GEMM, None, "features", channels_last=False),
    "global pooling, reshape, gemm": Head("logits", GEMM, None, "features", channels_last=False),
    "average pooling of everything": Head("logits", GEMM, None, "features", channels_last=False),
    "channels last": Head("logits", GEMM, None, "numbers", channels_last=True),
    "matrix product and sum": Head(
        "logits", Linear("weights", by_class=False, bias="bias"), None, "features", False
    ),
    "matrix product alone": Head(
        "logits", Linear("weights", by_class=False, bias=None), None, "features", False
    ),
    "weights as channels × classes": Head(
        "logits", Linear("weights", by_class=False, bias=None), None, "features", False
    ),
    "layer normalisation": Head("logits", GEMM, Norm("scale", "shift", EPSILON), "features", False),
    "pooling alone": Head("logits", None, None, "features", channels_last=False),
    "sigmoid": Head("logits", GEMM, None, "features", channels_last=False),
    "temperature": Head("logits", GEMM, None, "features", channels_last=False),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_found(name: str) -> None:
    assert find_head(graph(*HEADS[name]).graph) == FOUND[name]


@pytest.mark.parametrize("name", OTHERS)
def test_another_head_is_named(name: str) -> None:
    head, reason = OTHERS[name]
    with pytest.raises(OtherHead) as caught:
        find_head(graph(*head).graph)
    assert str(caught.value) == reason
