"""Settings of what the service speaks with: Postgres, Redis, the exchange, and the paper exchange."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec

from crypto_exchange.domain.policy import FeeIn
from crypto_exchange.settings import values
from crypto_exchange.settings.reading import PASSWORD, Setting
from crypto_exchange.settings.values import LotRule, Secret


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `Settings` that says where the others are, and how to speak with them."""

    postgres_host: Annotated[str | None, Setting(values.HOST, None, "unset: embedded Postgres")]
    postgres_port: Annotated[int, Setting(values.PORT, "5432", "port of Postgres")]
    postgres_user: Annotated[str, Setting(values.NAME, "crypto_exchange", "user in Postgres")]
    postgres_password: Annotated[Secret | None, Setting(PASSWORD, None, "password of that user")]
    postgres_db: Annotated[str, Setting(values.NAME, "crypto_exchange", "database in Postgres")]
    postgres_sslmode: Annotated[
        str,
        Setting(
            values.words("prefer", "disable", "require", "verify-full"),
            "prefer",
            "TLS to Postgres: if it has it, never, always, or always with a certificate that is checked",
        ),
    ]
    postgres_sslrootcert: Annotated[
        Path | None, Setting(values.FILE, None, "who signs the certificate of Postgres")
    ]
    redis_host: Annotated[str | None, Setting(values.HOST, None, "unset: embedded Valkey")]
    redis_port: Annotated[int, Setting(values.PORT, "6379", "port of Redis")]
    redis_password: Annotated[Secret | None, Setting(PASSWORD, None, "password of Redis")]

    redis_tls: Annotated[
        bool, Setting(values.SWITCH, "off", "TLS to Redis, its certificate is checked")
    ]
    redis_ca: Annotated[
        Path | None,
        Setting(values.FILE, None, "who may sign it, beside whom the machine trusts"),
    ]

    exchange_id: Annotated[
        str,
        Setting(values.EXCHANGE, "binance", "our adapter for Binance's protocol, or one of ccxt's"),
    ]
    exchange_url: Annotated[
        str | None,
        Setting(
            values.URL,
            None,
            "the exchange; unset: a paper exchange of our own, with ccxt the real one",
        ),
    ]
    exchange_api_key: Annotated[Secret | None, Setting(values.API_KEY, None, "our key there")]
    exchange_api_secret: Annotated[Secret | None, Setting(PASSWORD, None, "signs our requests")]
    exchange_api_passphrase: Annotated[
        Secret | None, Setting(PASSWORD, None, "third part of the key, where ccxt asks for one")
    ]
    exchange_quote: Annotated[
        str, Setting(values.SYMBOL, "USDT", "coin we pay with, booked 1:1 as USD")
    ]
    exchange_fee: Annotated[
        FeeIn, Setting(values.choice(FeeIn), "quote", "what the exchange takes its fee in")
    ]
    exchange_window: Annotated[
        int, Setting(values.duration("1s", "60s"), "5s", "how long a request there is valid")
    ]

    paper_port: Annotated[int | None, Setting(values.PORT, None, "unset: any free port")]
    paper_seed: Annotated[
        int, Setting(values.integer(0, 2**63 - 1), "0", "determines the random walk of prices")
    ]
    paper_prices: Annotated[
        Mapping[str, Decimal],
        Setting(values.mapping("price", values.parse_amount), None, "prices that never move"),
    ]
    paper_candles: Annotated[
        Mapping[str, Path],
        Setting(values.mapping("file.csv", values.parse_file), None, "prices to replay"),
    ]
    paper_speed: Annotated[
        Decimal, Setting(values.AMOUNT, "1", "multiple of real time at which candles go by")
    ]
    paper_latency: Annotated[
        int, Setting(values.duration("0ms", "60s"), "0ms", "how slow the paper exchange is")
    ]
    paper_fee_bps: Annotated[Decimal, Setting(values.PAPER_FEE, "10", "fee of the paper exchange")]
    paper_fee_in: Annotated[
        str, Setting(values.CURRENCY, "quote", "what the paper exchange takes its fee in")
    ]
    paper_rules: Annotated[
        Mapping[str, LotRule],
        Setting(
            values.mapping("lot step:minimum notional[:maximum quantity]", values.parse_rule),
            None,
            "market rules of the paper exchange",
        ),
    ]
