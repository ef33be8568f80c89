import base64

import numpy as np
import pytest

from inference.answers.embedding import EmbeddingForm, as_json

VECTOR = np.array([3, 0, -4], np.float32)


def test_a_list_has_the_numbers_of_the_vector() -> None:
    assert as_json(VECTOR, EmbeddingForm.LIST, normalised=False) == [3.0, 0.0, -4.0]


def test_base64_is_of_float32_with_the_low_byte_first() -> None:
    text = as_json(VECTOR, EmbeddingForm.BASE64, normalised=False)
    assert isinstance(text, str)
    assert base64.b64decode(text) == bytes.fromhex("00004040 00000000 000080c0")


def test_a_normalised_vector_has_the_length_1() -> None:
    numbers = as_json(VECTOR, EmbeddingForm.LIST, normalised=True)
    assert numbers == pytest.approx([0.6, 0.0, -0.8])
    assert VECTOR.tolist() == [3.0, 0.0, -4.0]


def test_a_vector_of_zeros_stays_one() -> None:
    assert as_json(np.zeros(2, np.float32), EmbeddingForm.LIST, normalised=True) == [0.0, 0.0]


def test_a_network_in_float16_gives_float32() -> None:
    text = as_json(np.array([1, 2], np.float16), EmbeddingForm.BASE64, normalised=False)
    assert isinstance(text, str)
    assert np.frombuffer(base64.b64decode(text), "<f4").tolist() == [1.0, 2.0]
