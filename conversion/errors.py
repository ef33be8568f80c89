"""What conversion says when it refuses."""

ONE_OUTPUT = (
    "the service applies softmax, which makes a single output always 1; give the last layer two "
    "outputs and two labels, the negative class first. After training with sigmoid: put a row of "
    "zeros before its weight and a zero before its bias"
)


class ConversionError(Exception):
    """Nothing was saved; the message says why, and what to do, in one line."""
