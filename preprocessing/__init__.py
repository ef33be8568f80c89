"""Encoded bytes → RGB image → uint8 pixels, as the model's training saw them."""

from preprocessing.decode import FORMATS, DecodeLimits, decode
from preprocessing.transform import transform

__all__ = ["FORMATS", "DecodeLimits", "decode", "transform"]
