"""Outputs of a model: labels, temperature, thresholds and embedding."""
