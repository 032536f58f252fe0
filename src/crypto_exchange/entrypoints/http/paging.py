"""Pages of lists: `?limit=` and `?cursor=` in, the `Link` header out."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from crypto_exchange.domain.errors import InvalidCursor, InvalidField
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.http.operations import ApiRequest

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
_CURSOR = re.compile(r"(0|[1-9][0-9]{0,17})\.([1-9][0-9]{0,17})", re.ASCII)

Row = TypeVar("Row")


class Page(msgspec.Struct, frozen=True):
    """Which part of the list at a path is asked for; `filters` is what else the query says of it."""

    path: str
    limit: int
    after: Cursor | None
    filters: str = ""

    @property
    def wanted(self) -> int:
        """How many rows to load: one more than is shown tells whether there is a next page."""
        return self.limit + 1

    def show(
        self, rows: Sequence[Row], cursor_of: Callable[[Row], Cursor]
    ) -> tuple[Sequence[Row], list[tuple[bytes, bytes]]]:
        """The rows of this page, and the header that leads to the next one, if there is one.

        The link has no scheme or host: behind a proxy they would be wrong, and a token could follow
        them.
        """
        shown = rows[: self.limit]
        if len(rows) == len(shown):
            return shown, []
        cursor = write_cursor(cursor_of(shown[-1]))
        link = f"<{self.path}?{self.filters}limit={self.limit}&cursor={cursor}>"
        return shown, [(b"link", f'{link}; rel="next"'.encode())]


def read_page(request: ApiRequest, **filters: str) -> Page:
    """Read limit and cursor; the filters are those of the next page too. Raises `InvalidField`,
    `InvalidCursor`.
    """
    named = {name: value for name, value in filters.items() if value}
    return Page(
        request.scope["path"],
        _limit(request.query_params.getall("limit", [])),
        _after(request.query_params.getall("cursor", [])),
        f"{urlencode(named)}&" if named else "",
    )


def read_filter(request: ApiRequest, name: str) -> str:
    """What the query says of a list beside its page; empty if nothing. Raises `InvalidField`."""
    given: list[str] = request.query_params.getall(name, [])
    if len(given) > 1:
        raise InvalidField(name, "one of it", f"{len(given)} of them")
    return given[0] if given else ""


def write_cursor(cursor: Cursor) -> str:
    """Make a cursor opaque: it may change its form."""
    text = f"{cursor.created_at_us}.{cursor.id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _limit(given: list[str]) -> int:
    if not given:
        return DEFAULT_LIMIT
    text = given[0]
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if len(given) > 1 or not 1 <= number <= LARGEST_LIMIT:
        raise InvalidField(
            "limit", f"one integer from 1 to {LARGEST_LIMIT}", " and ".join(map(repr, given))[:80]
        )
    return number


def _after(given: list[str]) -> Cursor | None:
    if not given:
        return None
    try:
        text = urlsafe_b64decode(given[0] + "=" * (-len(given[0]) % 4)).decode()
    except ValueError:
        raise InvalidCursor(given[0][:80]) from None
    match = _CURSOR.fullmatch(text)
    cursor = Cursor(int(match[1]), int(match[2])) if match else None
    if cursor is None or write_cursor(cursor) != given[0] or len(given) > 1:
        raise InvalidCursor(" and ".join(given)[:80])
    return cursor
