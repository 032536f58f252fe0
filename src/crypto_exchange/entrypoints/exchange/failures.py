"""Refusals of the protocol: HTTP status, code and message as Binance gives them."""

from collections.abc import Iterable


class ApiError(Exception):
    """A request that is answered with `{"code", "msg"}` instead of a result."""

    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class InsufficientBalanceError(ApiError):
    """The account holds less of `asset` than the order needs."""

    def __init__(self, asset: str) -> None:
        super().__init__(-2010, "Account has insufficient balance for requested action.")
        self.asset = asset


def missing(name: str) -> ApiError:
    """A parameter that must be there is not."""
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def illegal(name: str, legal: str) -> ApiError:
    """A parameter does not match the regular expression `legal`."""
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def invalid(name: str) -> ApiError:
    """A parameter has a value that it can't have."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_combination() -> ApiError:
    """Parameters that exclude each other."""
    return ApiError(-1128, "Combination of optional parameters invalid.")


def filter_failure(name: str) -> ApiError:
    """A market rule does not let the order pass."""
    return ApiError(-1013, f"Filter failure: {name}")


def unsupported(status: int, methods: Iterable[str] = ()) -> ApiError:
    """No such path (404), method (405; `methods` are those that there are) or size of body (413)."""
    refusal = ApiError(-1020, "This operation is not supported.", status)
    if methods:
        refusal.headers = ((b"allow", ", ".join(methods).encode()),)
    return refusal


def too_many_requests(retry_after_s: int) -> ApiError:
    """The limit of requests is reached."""
    refusal = ApiError(
        -1003,
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
    )
    refusal.headers = ((b"retry-after", str(retry_after_s).encode()),)
    return refusal


def unknown_error() -> ApiError:
    """A fault of the venue itself."""
    return ApiError(-1000, "An unknown error occurred while processing the request.", 500)


def no_answer() -> ApiError:
    """The venue stops before the outcome is known."""
    return ApiError(
        -1007,
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown.",
        504,
    )
