"""What conversion says when it refuses."""

ONE_OUTPUT = (
    "the service applies softmax, which makes a single output always 1; give the last layer two "
    "outputs and two labels, the negative class first. After training with sigmoid: put a row of "
    "zeros before its weight and a zero before its bias"
)


class ConversionError(Exception):
    """Nothing was saved; the message says why, and what to do, in one line."""


class OtherClasses(ConversionError):
    """A checkpoint's last layer has another number of classes.

    Args:
        file: name of the checkpoint.
        found: classes that it tells apart.
        labels: that were given.
    """

    def __init__(self, file: str, found: int, labels: int) -> None:
        super().__init__(
            f"{labels} labels do not fit {file}, which tells {found} classes apart; "
            "give --labels with one for each"
        )
        self.file, self.found = file, found
