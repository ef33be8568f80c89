"""A client's connection in memory, and an exchange over it."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from serving.exchange import Exchange

DATE = (b"date", b"today")


class Wire(asyncio.Transport):
    """What was written to a client, in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False
        self.reads = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def exchange_over(wire: Wire, method: str = "POST", *, keep_alive: bool = True) -> Exchange:
    """As uvicorn makes it where BentoML has configured logging: with an access log."""
    return Exchange(
        scope={"method": method},
        transport=wire,
        flow=FlowControl(wire),
        logger=logging.getLogger("unused"),
        access_logger=logging.getLogger("unused"),
        access_log=True,
        default_headers=[DATE],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
