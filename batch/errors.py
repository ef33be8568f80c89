"""What a run says when it refuses or gives up."""


class BatchError(Exception):
    """The run cannot go on; the message says why, and what to do, in one line."""
