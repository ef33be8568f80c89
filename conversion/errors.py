"""What conversion says when it refuses."""


class ConversionError(Exception):
    """Nothing was saved; the message says why, and what to do, in one line."""
