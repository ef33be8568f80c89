"""What conversion says when it refuses."""

ONE_OUTPUT = "give --labels with two, the negative class first, and --activation sigmoid"


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


class OneOutput(ConversionError):
    """A checkpoint's last layer has one output.

    Args:
        file: name of the checkpoint.
    """

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} is of a network with one output: {ONE_OUTPUT}")
