"""Resize and crop: which sizes, and by which library."""
