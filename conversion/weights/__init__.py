"""Weights: verified (files), read (checkpoint, file_kind), loaded into a network (fit)."""
