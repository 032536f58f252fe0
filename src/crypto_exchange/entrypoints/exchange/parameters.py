"""Parameters of a request, from its query string and its form body."""

import re
from urllib.parse import parse_qsl

from crypto_exchange.entrypoints.exchange.amounts import DECIMALS, ONE
from crypto_exchange.entrypoints.exchange.failures import ApiError, illegal, invalid, missing

_AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = "^[0-9]{1,18}$"


class Parameters:
    """Read-only view of the parameters; every reader refuses what the protocol refuses."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, legal: str | None = None) -> str | None:
        """The value, matched against the regular expression `legal`; `None` if it is not sent."""
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        if value is not None and legal is not None and not re.fullmatch(legal, value):
            raise illegal(name, legal)
        return value

    def required(self, name: str, legal: str | None = None) -> str:
        """The value of a parameter that must be there."""
        if not self._values.get(name):
            raise missing(name)
        value = self.text(name, legal)
        assert value is not None
        return value

    def integer(self, name: str) -> int | None:
        """A whole number of at most 18 digits."""
        value = self.text(name, _INTEGER)
        return None if value is None else int(value)

    def amount(self, name: str) -> int | None:
        """A decimal number in units of 10⁻⁸; more decimals than that are refused."""
        value = self.text(name, _AMOUNT)
        if value is None:
            return None
        whole, _, decimals = value.partition(".")
        if len(decimals) > DECIMALS:
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return int(whole) * ONE + int(decimals.ljust(DECIMALS, "0"))

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of `choices`."""
        value = self.text(name) or default
        if value not in choices:
            raise invalid(name)
        return value

    def limit(self) -> int:
        """Rows asked for: 500 unless told, 1 to 1000."""
        value = self.integer("limit")
        if value is None:
            return 500
        if not 1 <= value <= 1000:
            raise invalid("limit")
        return value


def read_parameters(query: bytes, body: bytes, known: frozenset[str]) -> Parameters:
    """Parameters of both places; where both name one, the query string counts."""
    values = _pairs(body) | _pairs(query)
    read = sum(1 for name in values if name in known)
    if read < len(values):
        raise ApiError(
            -1104,
            f"Not all sent parameters were read; read '{read}' parameter(s) "
            f"but was sent '{len(values)}'.",
        )
    return Parameters(values)


def _pairs(encoded: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True):
        if name in values:
            raise ApiError(-1101, f"Duplicate values for parameter '{name}'.")
        values[name] = value
    return values
