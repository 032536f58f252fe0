"""Addresses of Postgres and Redis: all that a client needs, its secrets and its TLS included."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from crypto_exchange.settings import Settings


def postgres_dsn(settings: Settings) -> str:
    """The address of Postgres, with user and password."""
    user, password = quote(settings.postgres_user, safe=""), _secret(settings.postgres_password)
    host, name = _bracketed(settings.postgres_host), quote(settings.postgres_db, safe="")
    tls = {}
    if settings.postgres_sslmode != "prefer":
        tls["sslmode"] = settings.postgres_sslmode
    if settings.postgres_sslrootcert is not None:
        tls["sslrootcert"] = str(settings.postgres_sslrootcert)
    return f"postgresql://{user}:{password}@{host}:{settings.postgres_port}/{name}{_query(tls)}"


def redis_url(settings: Settings) -> str:
    """The address of Redis, with its password."""
    password, host = _secret(settings.redis_password), _bracketed(settings.redis_host)
    scheme, tls = "redis", {}
    if settings.redis_tls:
        scheme = "rediss"
        tls = {"ssl_ca_certs": str(settings.redis_ca)} if settings.redis_ca else {}
    return f"{scheme}://:{password}@{host}:{settings.redis_port}/0{_query(tls)}"


def read_addresses(dsn: str, url: str) -> dict[str, str]:
    """The texts of the settings of which both were made."""
    postgres, redis = urlsplit(dsn), urlsplit(url)
    texts = {
        "POSTGRES_HOST": postgres.hostname or "",
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_USER": unquote(postgres.username or ""),
        "POSTGRES_PASSWORD": unquote(postgres.password or ""),
        "POSTGRES_DB": unquote(postgres.path.lstrip("/")),
        "REDIS_HOST": redis.hostname or "",
        "REDIS_PORT": str(redis.port),
        "REDIS_PASSWORD": unquote(redis.password or ""),
        "REDIS_TLS": "on" if redis.scheme == "rediss" else "off",
    }
    tls = parse_qs(postgres.query) | parse_qs(redis.query)
    names = {
        "sslmode": "POSTGRES_SSLMODE",
        "sslrootcert": "POSTGRES_SSLROOTCERT",
        "ssl_ca_certs": "REDIS_CA",
    }
    return texts | {names[name]: text for name, (text,) in tls.items()}


def _query(parameters: dict[str, str]) -> str:
    return f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""


def _secret(text: str | None) -> str:
    return quote(text or "", safe="")


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else host or ""
