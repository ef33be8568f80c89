"""Models of lower precision: how they are made, and the gate that each must pass."""
