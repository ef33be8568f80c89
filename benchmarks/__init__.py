"""The speed of the whole service beside its own limit and its peers: ``make bench``."""
