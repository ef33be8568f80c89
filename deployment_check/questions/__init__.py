"""Checks of single requests, one group in each file."""
