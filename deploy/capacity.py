"""``python -m deploy.capacity``: replicas, bandwidth and cost for a rate of images.

The autoscaler's threshold decides how busy a replica is. A worker that takes the same time for each
image, and has L images in hand on average, is busy for a share ρ of the time, where
L = ρ + ρ²/(2(1 − ρ)) (Pollaczek and Khinchine), so that ρ = 1 + L − √(1 + L²).
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.simulation import manifests
from deploy.simulation.day import Replica

RATES = (1_000, 10_000, 100_000, 1_000_000)
"""Images a second, steady; a burst of four times the rate needs four times the replicas."""

IMAGE_BYTES = 107_000  # mean size of the photographs that were measured
SERIES = 400  # time series of one replica, at most: a test counts them
_HOUR_SECONDS = 3600
_BITS = 8


@dataclass(frozen=True)
class Prices:
    """Assumed, not measured."""

    processor_hour: float = 0.045  # dollars for a processor with the memory that comes with it
    gpu_hour: float = 0.80  # dollars for a machine with one GPU
    image_gigabytes: float = 0.5  # of the container


def busy_share(in_hand: float) -> float:
    """Share of the time that a worker is busy, given its mean number of images in hand."""
    return 1 + in_hand - math.sqrt(1 + in_hand**2)


def images_per_second(replica: Replica, threshold: float) -> float:
    """Images that a replica answers at the load at which the autoscaler changes nothing."""
    return replica.images_per_second * busy_share(threshold / replica.workers)


def sizes(replica: Replica, threshold: float, prices: Prices) -> list[dict[str, str]]:
    """A row for each of ``RATES``, by its columns."""
    each = images_per_second(replica, threshold)
    interval = manifests.sampling().interval
    rows = []
    for rate in RATES:
        replicas = math.ceil(rate / each)
        row = {
            "images/s": f"{rate:,}",
            "replicas": f"{replicas:,}",
            "processors": f"{replicas * replica.workers:,}",
            "Gbit/s in": f"{rate * IMAGE_BYTES * _BITS / 1e9:,.2f}",
            "samples/s to Prometheus": f"{replicas * SERIES / interval:,.0f}",
            "GB to pull": f"{replicas * prices.image_gigabytes:,.0f}",
            "$ an hour": f"{replicas * replica.workers * prices.processor_hour:,.2f}",
        }
        rows.append(row)
    return rows


def dollars_per_million(replica: Replica, threshold: float, prices: Prices) -> float:
    """Cost of a million images at that load."""
    hour = replica.workers * prices.processor_hour
    return hour / (images_per_second(replica, threshold) * _HOUR_SECONDS) * 1e6


def break_even(replica: Replica, prices: Prices) -> float:
    """Images a second from which on a GPU machine costs less for each image than processors."""
    return replica.images_per_second * prices.gpu_hour / (replica.workers * prices.processor_hour)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """In Markdown."""
    lines = [rows[0], ["---:"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def summary(replica: Replica, threshold: float, prices: Prices) -> str:
    """The figures that hold for every rate."""
    return (
        f"{images_per_second(replica, threshold):.0f} images a second and replica "
        f"({busy_share(threshold / replica.workers):.0%} of {replica.images_per_second:g}), "
        f"${dollars_per_million(replica, threshold, prices):.2f} a million images; "
        f"a GPU machine pays from {break_even(replica, prices):,.0f} images a second on"
    )


def main() -> None:
    """Print the table and the figures."""
    of, prices = Replica(), Prices()
    parser = argparse.ArgumentParser(prog="python -m deploy.capacity")
    parser.add_argument("--images-per-second", type=float, default=of.images_per_second)
    parser.add_argument("--workers", type=int, default=of.workers)
    parser.add_argument("--processor-hour", type=float, default=prices.processor_hour)
    parser.add_argument("--gpu-hour", type=float, default=prices.gpu_hour)
    parser.add_argument("--image-gigabytes", type=float, default=prices.image_gigabytes)
    given = parser.parse_args()
    replica = Replica(workers=given.workers, images_per_second=given.images_per_second)
    prices = Prices(given.processor_hour, given.gpu_hour, given.image_gigabytes)
    threshold = manifests.rule().threshold
    print(table(sizes(replica, threshold, prices)))
    print(f"\n{summary(replica, threshold, prices)}")


if __name__ == "__main__":
    main()
