"""Encoded bytes → RGB image → uint8 pixels, as the model's training saw them."""

from preprocessing.decode import decode, decode_scaled, stored_size
from preprocessing.decode_limits import DecodeLimits
from preprocessing.isolated.formats import FORMATS
from preprocessing.ordinary.decoder import decode_ordinary, decode_trusted
from preprocessing.transform import least_side, transform

__all__ = [
    "FORMATS",
    "DecodeLimits",
    "decode",
    "decode_ordinary",
    "decode_scaled",
    "decode_trusted",
    "least_side",
    "stored_size",
    "transform",
]
