"""One process of the local engine: classifies the parts that it is given."""

import asyncio
import logging
import time
from ctypes import c_double
from multiprocessing.connection import Connection
from typing import Any

from batch.classification.parts import Job, PartClassifier
from batch.errors import BatchError
from errors import ClassifierError, StartupError

logger = logging.getLogger("image_classifier.batch")

Message = Any
"""None: ready. A ``pyarrow.Table``: the rows of the current part. A ``BatchError``: the end."""


def serve(connection: Connection, job: Job, progress: c_double) -> None:
    """Classify the parts that come over the connection, and send messages, until it ends.

    With each part comes whether to decode its images apart. ``progress`` gets ``time.monotonic()``
    of the last batch, by which the engine detects a hang.
    """

    def progressed() -> None:
        progress.value = time.monotonic()

    try:
        with connection:
            asyncio.run(_serve(connection, job, progressed))
    except (EOFError, OSError):  # the engine has ended
        return


async def _serve(connection: Connection, job: Job, progressed: Any) -> None:
    try:
        classifier = PartClassifier(job)
    except (ClassifierError, StartupError) as error:
        connection.send(BatchError(str(error)))
        return
    connection.send(None)
    try:
        while True:
            part, apart = connection.recv()
            connection.send(await classifier.rows_of(part, apart=apart, progressed=progressed))
    except EOFError:
        pass
    except Exception as error:
        logger.exception("part %d failed", part.number)
        connection.send(BatchError(f"part {part.number} failed: {error}"))
    finally:
        await classifier.close()
