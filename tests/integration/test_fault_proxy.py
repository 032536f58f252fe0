"""The chaos suite's own wire: it passes bytes on, or spoils them as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.chaos.proxy import FaultProxy, Wire


@asynccontextmanager
async def wire_to_an_echo() -> AsyncIterator[FaultProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = FaultProxy(server.sockets[0].getsockname()[1], delay_s=0.01)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()


async def say(proxy: FaultProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    return reader, writer


@pytest.mark.parametrize("wire", [Wire.CLEAN, Wire.SLOW])
async def test_what_is_sent_arrives(wire: Wire) -> None:
    async with wire_to_an_echo() as proxy:
        proxy.become(wire)

        reader, writer = await say(proxy)

        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_in_a_black_hole_nothing_arrives_until_it_ends() -> None:
    async with wire_to_an_echo() as proxy:
        proxy.become(Wire.BLACK_HOLE)
        reader, writer = await say(proxy)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(5), 0.2)
        proxy.become(Wire.CLEAN)

        assert await reader.readexactly(5) == b"hello"
        writer.close()


@pytest.mark.parametrize("wire", [Wire.DROPPED, Wire.RESET])
async def test_open_and_new_connections_end(wire: Wire) -> None:
    async with wire_to_an_echo() as proxy:
        reader, writer = await say(proxy)
        assert await reader.readexactly(5) == b"hello"

        proxy.become(wire)

        assert await ended(reader)
        later, _ = await say(proxy)
        assert await ended(later)
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether it came to an end; with bytes that nobody read, a close is a reset, too."""
    try:
        return await asyncio.wait_for(reader.read(5), 5) == b""
    except ConnectionResetError:
        return True
