"""How good a converted model is on labelled photographs. Does not import torch."""
