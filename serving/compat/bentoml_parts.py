"""BentoML's configuration container: read for the address and the metrics, set for their folder.

``bentoml._internal.configuration.containers.BentoMLContainer`` has no public counterpart.
"""

from pathlib import Path
from typing import Any

from bentoml._internal.configuration.containers import BentoMLContainer


def set_metrics_folder(folder: Path) -> None:
    """Have BentoML's supervisor give its workers this folder for prometheus_client's files."""
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))


def metrics_folder() -> Path:
    """That folder."""
    return Path(BentoMLContainer.prometheus_multiproc_dir.get())


def metrics_text() -> tuple[bytes, str]:
    """The metrics of all workers together, and the content type of their format."""
    client: Any = BentoMLContainer.metrics_client.get()
    return client.generate_latest(), client.CONTENT_TYPE_LATEST


def default_address() -> tuple[str, int]:
    """Host and port from BentoML's configuration."""
    return BentoMLContainer.http.host.get(), BentoMLContainer.http.port.get()
