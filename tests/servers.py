"""Real servers for the tests: one Postgres and one Valkey for each process of pytest.

A plugin: `pytest_plugins = ["tests.servers"]` in conftest.py. Each test that asks for `postgres_dsn`
has a database of its own, copied from a template that the fixture `migrate` brings up to date once.
On Linux the servers end with pytest even if that is killed.
"""

import itertools
import subprocess
from collections.abc import Callable, Iterator

import pytest

from crypto_exchange.adapters.embedded import EmbeddedPostgres, EmbeddedValkey
from crypto_exchange.adapters.embedded.wheels import postgres_program

_PASSWORD = "only-for-the-tests"
_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def migrate() -> Callable[[str], None]:
    """Bring the empty database at a DSN to the newest schema; conftest.py says how."""
    return lambda dsn: None


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("pg"), password=_PASSWORD, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_database(
    postgres_server: EmbeddedPostgres, migrate: Callable[[str], None]
) -> Callable[[], str]:
    """Return what makes one more migrated database and returns its DSN."""
    numbers = itertools.count(1)
    run_sql(postgres_server.dsn, f"CREATE DATABASE {_TEMPLATE}")
    migrate(_dsn_of(postgres_server, _TEMPLATE))

    def make() -> str:
        name = f"test_{next(numbers)}"
        run_sql(postgres_server.dsn, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return _dsn_of(postgres_server, name)

    return make


@pytest.fixture(scope="session")
def emptied_databases() -> list[str]:
    """DSNs of databases that hold nothing any more: emptying one takes a tenth of making another one."""
    return []


@pytest.fixture
def postgres_dsn(
    make_database: Callable[[], str], postgres_server: EmbeddedPostgres
) -> Iterator[str]:
    dsn = make_database()
    yield dsn
    run_sql(postgres_server.dsn, f"DROP DATABASE {dsn.rpartition('/')[2]} WITH (FORCE)")


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), password=_PASSWORD, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_url(valkey_server: EmbeddedValkey) -> str:
    """Return the address of a Valkey that holds nothing."""
    import redis

    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


def run_sql(dsn: str, statement: str) -> str:
    """Run one statement without an event loop; columns are separated by `|`."""
    argv = [
        str(postgres_program("psql")),
        "--no-psqlrc",
        "-qAtv",
        "ON_ERROR_STOP=1",
        "-c",
        statement,
        dsn,
    ]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def _dsn_of(server: EmbeddedPostgres, database: str) -> str:
    return f"{server.dsn.rpartition('/')[0]}/{database}"
