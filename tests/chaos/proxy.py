"""A TCP proxy on this machine whose wire can be made bad while it runs."""

import asyncio
import contextlib
import enum
import socket
import struct

_CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Wire(enum.Enum):
    """What becomes of what is sent."""

    CLEAN = "clean"
    SLOW = "slow"
    """Every chunk is late."""
    DROPPED = "dropped"
    """Connections are closed, new ones at once."""
    BLACK_HOLE = "black_hole"
    """Connections stay open, and nothing arrives until the wire changes."""
    RESET = "reset"
    """Connections are reset, new ones at once."""


class FaultProxy:
    """Passes connections on to a port of this machine; `wire` says how well."""

    def __init__(self, target: int, *, delay_s: float = 0.2) -> None:
        self.wire = Wire.CLEAN
        self._target, self._delay_s = target, delay_s
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            self._open.set()
            self._close_all(reset=False)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 5)

    def become(self, wire: Wire) -> None:
        """Change the wire, also for connections that are open."""
        self.wire = wire
        if wire is Wire.BLACK_HOLE:
            self._open.clear()
        else:
            self._open.set()
        if wire in {Wire.DROPPED, Wire.RESET}:
            self._close_all(reset=wire is Wire.RESET)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.wire in {Wire.DROPPED, Wire.RESET}:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far_writer)
            try:
                ways = (self._pump(reader, far_writer), self._pump(far_reader, writer))
                await asyncio.gather(*ways)
            finally:
                self._drop(far_writer, reset=False)
        except OSError:
            pass  # one of both ends is gone: so is the other
        finally:
            self._drop(writer, reset=self.wire is Wire.RESET)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, and its end."""
        while chunk := await reader.read(_CHUNK):
            await self._open.wait()
            if self.wire is Wire.SLOW:
                await asyncio.sleep(self._delay_s)
            writer.write(chunk)
            await writer.drain()
        writer.close()

    def _close_all(self, *, reset: bool) -> None:
        for writer in list(self._writers):
            self._drop(writer, reset=reset)

    def _drop(self, writer: asyncio.StreamWriter, *, reset: bool) -> None:
        self._writers.discard(writer)
        sock: socket.socket | None = writer.get_extra_info("socket")
        if reset and sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        else:
            writer.close()
