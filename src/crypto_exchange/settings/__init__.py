"""Every setting, read from the environment once.

`Settings.from_env(os.environ)` validates all of it and reports all that is wrong together. Inside,
dollars are integer counts of 10⁻⁸ USD, durations integer microseconds, rates basis points.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

from crypto_exchange.domain.policy import OnDeadline
from crypto_exchange.domain.risk_policy import RiskMode
from crypto_exchange.settings import rates, values
from crypto_exchange.settings.connections import ConnectionSettings
from crypto_exchange.settings.errors import InvalidSettingsError, SettingsError
from crypto_exchange.settings.rates import Rate
from crypto_exchange.settings.reading import (
    KEYS,
    OUR_EXCHANGE,
    Setting,
    find_missing,
    is_secret,
    read,
)
from crypto_exchange.settings.values import LotRule, PricingRule, Secret

__all__ = [
    "SETTINGS",
    "InvalidSettingsError",
    "LotRule",
    "PricingRule",
    "Rate",
    "Secret",
    "Setting",
    "Settings",
    "SettingsError",
]


def _limit(default: str, what: str) -> Setting:
    return Setting(rates.RATE, default, f"{what}, at most")


class Settings(ConnectionSettings, frozen=True, kw_only=True):
    """The settings of one process; `environment` holds the texts that were given."""

    environment: Mapping[str, str]

    host: Annotated[str, Setting(values.HOST, "127.0.0.1", "address that the API listens on")]
    port: Annotated[int, Setting(values.PORT, "8000", "port of the API")]
    metrics_port: Annotated[
        int, Setting(values.PORT, "9000", "port of the metrics (not in effect yet)")
    ]
    data_dir: Annotated[Path, Setting(values.DIRECTORY, ".data", "where all state is kept")]
    api_processes: Annotated[int, Setting(values.integer(1, 64), "2", "processes of the API")]
    worker_processes: Annotated[int, Setting(values.integer(1, 64), "1", "processes of workers")]
    loglevel: Annotated[
        str,
        Setting(
            values.words("debug", "info", "warning", "error", "critical"),
            "info",
            "least level logged",
        ),
    ]
    log_format: Annotated[
        str,
        Setting(values.words("text", "json"), "text", "lines of the log: for people or programs"),
    ]
    debug: Annotated[bool, Setting(values.SWITCH, "off", "answer faults with their details")]
    allowed_hosts: Annotated[
        tuple[str, ...], Setting(values.LIST, "*", "host names that the API answers to")
    ]
    secret_key: Annotated[
        tuple[Secret, ...] | None,
        Setting(KEYS, None, "encrypts secrets at rest; the first of several seals, all open"),
    ]
    jwt_secret_key: Annotated[
        tuple[Secret, ...] | None,
        Setting(KEYS, None, "signs tokens; the first of several signs, all of them are accepted"),
    ]
    common_passwords: Annotated[
        bool,
        Setting(
            values.SWITCH,
            "on",
            "new passwords are none of the common ones; off with the embedded database unless given",
        ),
    ]

    step_up_withdrawal: Annotated[
        int | None,
        Setting(
            values.or_off(values.usd()),
            "1000.00",
            "dollars above which a withdrawal needs a fresh code of the second factor, if there is one",
        ),
    ]

    adjustment_max: Annotated[
        int, Setting(values.usd(), "10000.00", "dollars that an adjustment of a balance may move")
    ]

    aggregation_threshold: Annotated[
        int, Setting(values.usd(1), "10.00", "dollars from which on an order is bought at once")
    ]
    max_wait: Annotated[
        int, Setting(values.duration("1s", "365d"), "24h", "an order waits no longer")
    ]
    on_deadline: Annotated[
        OnDeadline, Setting(values.choice(OnDeadline), "refund", "what ends an order's waiting")
    ]
    spread_bps: Annotated[
        int, Setting(values.BPS, "0", "the house's margin on a quote; none with pricing average")
    ]
    price_max_age: Annotated[
        int, Setting(values.duration("1s", "1d"), "180s", "an older price is not used")
    ]
    price_tolerance_bps: Annotated[
        int, Setting(values.BPS, "200", "how far a price may rise above its quote")
    ]
    inventory_cap: Annotated[
        int, Setting(values.usd(), "10.00", "dollars of each asset that the house keeps at most")
    ]
    scan_interval: Annotated[
        int, Setting(values.duration("10ms", "1h"), "1s", "time between two scans for due work")
    ]
    audit_interval: Annotated[
        int | None,
        Setting(
            values.or_off(values.duration("10s", "7d")), "5m", "time between two audits by a worker"
        ),
    ]
    signals_interval: Annotated[
        int,
        Setting(
            values.duration("1s", "1h"),
            "60s",
            "time between two looks by a worker for accounts that belong together",
        ),
    ]
    fraud_rules: Annotated[
        RiskMode,
        Setting(
            values.choice(RiskMode), "observe", "what the fraud rules may do; observe: only tell"
        ),
    ]
    fraud_orders_per_minute: Annotated[
        int,
        Setting(values.integer(1, 100_000), "30", "a user's orders in a minute, without suspicion"),
    ]
    fraud_orders_per_day: Annotated[
        int, Setting(values.usd(), "50000.00", "dollars a user orders for in a day, likewise")
    ]
    fraud_withdrawals_per_day: Annotated[
        int, Setting(values.usd(), "10000.00", "dollars a user withdraws in a day, likewise")
    ]
    fraud_new_account: Annotated[
        int, Setting(values.duration("0ms", "90d"), "1d", "how long an account counts as new")
    ]
    fraud_score: Annotated[
        bool,
        Setting(
            values.SWITCH,
            "off",
            "a model in the worker learns what is usual, and says who is strange (extra fraud)",
        ),
    ]
    pricing: Annotated[
        PricingRule, Setting(values.PRICING, "quoted", "pay what was quoted, or the average cost")
    ]
    take_along: Annotated[
        bool,
        Setting(values.SWITCH, "on", "large orders take waiting ones along, where quoted"),
    ]

    rate_limit_login: Annotated[Rate | None, _limit("3/minute", "log-ins from one address")]
    rate_limit_register: Annotated[
        Rate | None, _limit("3/minute", "registrations from one address")
    ]
    rate_limit_user: Annotated[Rate | None, _limit("1000/hour", "calls of one user")]
    rate_limit_orders: Annotated[Rate | None, _limit("120/minute", "orders of one user")]
    rate_limit_withdrawals: Annotated[Rate | None, _limit("10/minute", "withdrawals of one user")]
    rate_limit_exports: Annotated[Rate | None, _limit("5/hour", "exports of one user")]
    rate_limit_ip: Annotated[Rate | None, _limit("3000/hour", "calls from one address")]
    trusted_proxies: Annotated[
        tuple[rates.Network, ...],
        Setting(rates.NETWORKS, "", "their X-Forwarded-For tells the caller's address"),
    ]

    crash_points_dir: Annotated[
        Path | None,
        Setting(
            values.DIRECTORY, None, "for tests: a file here ends a process at that crash point"
        ),
    ]
    clock_skew: Annotated[
        int,
        Setting(values.duration("0ms", "1h"), "0ms", "for tests: how far off clocks are at most"),
    ]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read and validate the whole environment; an empty value counts as not given.

        Raises:
            InvalidSettingsError: with one SettingsError for each setting that is wrong or missing.
        """
        given = {name: environ[name] for name in SETTINGS if environ.get(name)}
        fields: dict[str, Any] = {}
        errors = find_missing(given)
        for name, setting in SETTINGS.items():
            try:
                fields[name.lower()] = read(name, setting, given.get(name))
            except SettingsError as error:
                errors.append(error)
        if errors:
            raise InvalidSettingsError(errors)
        hidden = {
            name: Secret(text) if is_secret(SETTINGS[name]) else text
            for name, text in given.items()
        }
        return cls(environment=hidden, **fields)

    def replaced(self, texts: Mapping[str, str]) -> Self:
        """Return these settings with some given anew, as `from_env` would read them."""
        return type(self).from_env({**self.environment, **texts})

    def to_env(self) -> dict[str, str]:
        """Return the texts from which another process reads the same settings."""
        return {**self.environment, "DATA_DIR": str(self.data_dir)}

    @property
    def port_given(self) -> bool:
        """Whether PORT was given: then no other port will do."""
        return "PORT" in self.environment

    @property
    def embedded_postgres(self) -> bool:
        """Whether Postgres is to be started by us."""
        return self.postgres_host is None

    @property
    def embedded_redis(self) -> bool:
        """Whether Valkey is to be started by us."""
        return self.redis_host is None

    @property
    def embedded_exchange(self) -> bool:
        """Whether the paper exchange is to be started by us."""
        return self.exchange_url is None and self.exchange_id == OUR_EXCHANGE


_HINTS = get_type_hints(Settings, include_extras=True)

SETTINGS: dict[str, Setting] = {
    field.upper(): _HINTS[field].__metadata__[0]
    for field in (*Settings.__annotations__, *ConnectionSettings.__annotations__)
    if field != "environment"
}
"""Every setting by its name in the environment, in the order of the documentation."""
