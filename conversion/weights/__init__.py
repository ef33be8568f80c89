"""Weights: had and verified (files), read (checkpoint, file_kind), put into a network (fit)."""
