"""Encoded images."""

Encoded = bytes | memoryview
"""An image as a file holds it."""
