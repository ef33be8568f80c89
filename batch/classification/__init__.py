"""A part of a run, classified: its photographs in, its rows out."""
