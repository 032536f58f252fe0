"""What becomes of a call that meets a fault on its way in or out.

How an order is executed that meets one there, `order_calls` says.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import ceil_div
from crypto_exchange.entrypoints.exchange.failures import ApiError, no_answer, too_many_requests
from crypto_exchange.entrypoints.exchange.faults import Meeting
from crypto_exchange.entrypoints.exchange.replies import HTML, JSON, Reply, refused, reply

Run = Callable[[], Awaitable[Reply]]

_GATEWAY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_GATEWAY_FAILURES = (
    refused(
        ApiError(-1001, "Internal error; unable to process your request. Please try again.", 500)
    ),
    Reply(502, _GATEWAY_PAGE.format("502 Bad Gateway").encode(), HTML),
    Reply(503, _GATEWAY_PAGE.format("503 Service Temporarily Unavailable").encode(), HTML),
)
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body></body></html>\n"


async def disturb(meeting: Meeting, run: Run, restart: Callable[[int], None]) -> Reply:
    """The reply to a call that meets a fault; `run` is what would be done without it.

    `run` raises `ApiError` for what is refused.
    """
    match meeting.kind:
        case "timeout_before":
            await _pause(meeting)
            raise no_answer()
        case "timeout_late" | "late_fill":
            with suppress(ApiError):
                await run()
            raise no_answer()
        case "rate_limit":
            raise too_many_requests(ceil_div(meeting.after_ms, 1000))
        case "restart":
            return await _die(meeting, run, restart)
        case _:
            return await _delayed(meeting, run)


async def _delayed(meeting: Meeting, run: Run) -> Reply:
    try:
        answer = await _disturbed_answer(meeting, run)
    except ApiError:
        await _pause(meeting)
        raise
    await _pause(meeting)
    return answer


async def _disturbed_answer(meeting: Meeting, run: Run) -> Reply:
    match meeting.kind:
        case "timeout_after":
            with suppress(ApiError):
                await run()
            raise no_answer()
        case "http_5xx":
            failure = meeting.draw.choice(_GATEWAY_FAILURES)
            await _perhaps(meeting, run)
            return failure
        case "garbage":
            return _spoilt(await _replied(run), meeting.draw)
        case "reject":
            raise ApiError(meeting.fault.code or 0, meeting.fault.msg or "")
        case _:
            return await run()


async def _pause(meeting: Meeting) -> None:
    await asyncio.sleep(meeting.after_ms / 1000)


async def _perhaps(meeting: Meeting, run: Run) -> None:
    if meeting.draw.random() < 1 / 2:
        with suppress(ApiError):
            await run()


async def _die(meeting: Meeting, run: Run, restart: Callable[[int], None]) -> Reply:
    await _perhaps(meeting, run)
    restart(meeting.after_ms)
    # Its connection is gone; the end of the server cancels what still waits.
    never: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    return await never


async def _replied(run: Run) -> Reply:
    try:
        return await run()
    except ApiError as refusal:
        return refused(refusal)


def _spoilt(honest: Reply, draw: random.Random) -> Reply:
    match draw.choice(("cut off", "another page", "other types")):
        case "cut off":
            return Reply(200, honest.body[: draw.randrange(1, len(honest.body))], JSON)
        case "another page":
            return Reply(200, _PAGE, HTML)
        case _:
            return reply(200, _mistyped(msgspec.json.decode(honest.body)))


def _mistyped(answer: object) -> object:
    """An object whose values have other types, a list for an object without any and vice versa."""
    if isinstance(answer, dict) and answer:
        return {name: _mistyped_value(value) for name, value in answer.items()}
    return [] if isinstance(answer, dict) else {"rows": answer}


def _mistyped_value(value: object) -> object:
    return [value] if isinstance(value, str) else str(value)
