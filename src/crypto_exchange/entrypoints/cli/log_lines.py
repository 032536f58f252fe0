"""Lines of the log, on standard error: for people, or as JSON for programs (LOG_FORMAT)."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from typing_extensions import override

from crypto_exchange.settings import Settings

LOG_FIELDS = ("user_id", "method", "path", "status", "duration_us", "network")
"""What a line has beside its message, where it is given as `extra`. Whatever else is given is left out:
nobody writes a secret by a new field."""

LONGEST_SENTENCE = 500
MOST_CAUSES = 5
_LIBRARIES = ("httpx", "httpcore")
"""They log addresses with signatures, and headers with keys."""

logger = logging.getLogger("crypto_exchange")


def log_to_stderr(settings: Settings, request_id: Callable[[], str | None] = lambda: None) -> None:
    """Log from LOGLEVEL on, one line an event, UTC; nothing of the libraries' own requests.

    `request_id` tells what request is being answered, if it is one.
    """
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonLines(request_id))
        sys.excepthook = _log_fault
    else:
        handler.setFormatter(TextLines())
    logging.basicConfig(level=settings.loglevel.upper(), handlers=[handler])
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """Time, level, logger and message; faults follow as Python shows them, in lines of their own."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        self.converter = time.gmtime


class JsonLines(logging.Formatter):
    """One object a line: time (RFC 3339), level, logger, message, request_id, LOG_FIELDS and the fault."""

    def __init__(self, request_id: Callable[[], str | None] = lambda: None) -> None:
        super().__init__()
        self._request_id = request_id

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": self._request_id(),
        }
        given = vars(record)
        line |= {name: given[name] for name in LOG_FIELDS if name in given}
        if record.exc_info and record.exc_info[1] is not None:
            line["fault"] = _describe(record.exc_info[1])
        # ASCII alone: so no character of somebody else's ends a line or cannot be written.
        return json.dumps(line, default=str)


def _describe(error: BaseException) -> list[dict[str, Any]]:
    """A fault and what caused it: kind, sentence and places in the code, no values of variables."""
    found: list[dict[str, Any]] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < MOST_CAUSES:
        frames = traceback.StackSummary.extract(
            traceback.walk_tb(cause.__traceback__), lookup_lines=False
        )
        found.append(
            {
                "type": f"{type(cause).__module__}.{type(cause).__qualname__}",
                "sentence": str(cause)[:LONGEST_SENTENCE],
                "frames": [f"{each.filename}:{each.lineno} {each.name}" for each in frames],
            }
        )
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found


def _log_fault(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logger.critical("the process ends by a fault", exc_info=(kind, error, trace))
