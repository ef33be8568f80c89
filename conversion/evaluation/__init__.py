"""How good a converted model is on photographs whose classes are known. Without torch."""
