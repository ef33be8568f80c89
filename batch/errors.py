"""The error of a run."""


class BatchError(Exception):
    """The run cannot go on; the message says why, and what to do, in one line."""
