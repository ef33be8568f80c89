"""A server's worker processes, and how to wait for them."""

import contextlib
import time
from collections.abc import Callable

import httpx
import psutil

from harness.servers import Server
from resilience import resources
from serving.compat.process_manager import worker_processes


def workers(server: Server) -> list[psutil.Process]:
    """The living worker processes, oldest first."""
    return worker_processes(server.process.pid)


def worker_ids(server: Server) -> set[int]:
    """The process ids of the living workers."""
    return {worker.pid for worker in workers(server)}


def cpu_seconds(server: Server) -> float:
    """Processor time that the server and its children have used, those that ended included."""
    return resources.cpu_seconds(psutil.Process(server.process.pid))


def client_ports(process: psutil.Process) -> set[int]:
    """The clients' ports of the TCP connections that a process holds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {each.raddr.port for each in process.net_connections("tcp") if each.raddr}
    return set()


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something is true; returns the seconds that it took, else raises."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - started


def health(server: Server) -> int:
    """The status of ``/health`` on a connection of its own; 0 without an answer in time."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(server.url + "/health", timeout=1, trust_env=False).status_code
    return 0


def healthy_worker(server: Server) -> int:
    """The process id of a healthy worker, asked on a new connection; 0 if it is not known.

    If the worker closes the connection after its response, the port leads to no process.
    """
    with (
        contextlib.suppress(httpx.TransportError, psutil.NoSuchProcess, OSError),
        httpx.Client(timeout=1, trust_env=False) as client,
    ):
        response = client.get(server.url + "/health")
        port = response.extensions["network_stream"].get_extra_info("client_addr")[1]
        if response.status_code == 200:
            return next((w.pid for w in workers(server) if port in client_ports(w)), 0)
    return 0
