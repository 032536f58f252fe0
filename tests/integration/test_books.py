"""Receipts and audits with real processes: a person checks their share, an operator the books."""

import json
from decimal import Decimal

import pytest

from crypto_exchange.adapters.embedded import free_port
from tests.running import Person, RunningServer
from tests.servers import run_sql

pytestmark = pytest.mark.xdist_group("server")


def test_a_receipt_over_http_is_verified_by_the_command(server: RunningServer) -> None:
    people = [Person(server.run_file["api_url"], deposit="20.00") for _ in range(3)]
    placed = [person.place("BTC", spend="4.00") for person in people]

    for person, order in zip(people, placed, strict=True):
        ended = person.ended(order)
        receipt = person.client.get(f"/orders/{order['id']}/receipt/")
        told = server.command("verify-receipt", "-", stdin=receipt.text)

        assert receipt.status_code == 200, receipt.text
        assert told.returncode == 0, told.stdout + told.stderr
        assert f"right: order {order['id']} is member" in told.stdout
        assert f"delivered  {ended['filled_amount']:f} BTC" in told.stdout
    stranger = people[0].client.get(f"/orders/{placed[1]['id']}/receipt/")
    assert stranger.status_code == 404


def test_an_asset_priced_at_the_average_charges_the_cost_and_refunds_the_rest(
    server: RunningServer,
) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")

    order = person.ended(person.place("SOL", spend="50.00"))

    receipt = person.get(f"/orders/{order['id']}/receipt/")
    assert (receipt["pricing"], order["state"]) == ("average", "completed")
    [trade] = receipt["fills"]
    cost = trade["cost"] + trade["fee"]
    assert 0 <= receipt["charge"] - cost < Decimal("0.01")
    assert order["refunded"] == receipt["refund"] == 50 - receipt["charge"] > 0
    text = person.client.get(f"/orders/{order['id']}/receipt/").text
    assert server.command("verify-receipt", "-", stdin=text).returncode == 0


def test_an_audit_without_the_exchange_says_so(server: RunningServer) -> None:
    elsewhere = {
        "EXCHANGE_URL": f"http://127.0.0.1:{free_port()}",
        "EXCHANGE_API_KEY": "nobody",
        "EXCHANGE_API_SECRET": "is there",
    }

    answer = RunningServer(server.data_dir, **elsewhere).command("audit")

    assert answer.returncode == 3, answer.stdout + answer.stderr
    assert "the exchange gave no answer, so only the books were audited" in answer.stdout
    assert "audit: 0 differences" in answer.stdout


def test_a_changed_cent_is_found_and_named_and_gone_when_it_is_put_back(
    server: RunningServer,
) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")
    person.ended(person.place("BTC", spend="20.00"))
    dsn = server.run_file["postgres_dsn"]
    user_id = run_sql(dsn, "SELECT max(user_id) FROM wallets")
    change = f"UPDATE wallets SET balance = balance {{}} 1000000 WHERE user_id = {user_id}"

    clean = server.command("audit")
    run_sql(dsn, change.format("+"))
    wrong = server.command("audit")
    shown = json.loads(server.command("audit", "--json").stdout)
    run_sql(dsn, change.format("-"))
    gauges = server.command("audit", "--metrics")

    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "audit: 0 differences, 0 open breaks" in clean.stdout
    assert wrong.returncode == 1
    assert f"difference: user:{user_id}:USD: expected 80.00, found 80.01" in wrong.stdout
    assert [each["account"] for each in shown["differences"]] == [f"user:{user_id}:USD"]
    assert gauges.returncode == 0, gauges.stdout + gauges.stderr
    assert 'crypto_exchange_audit_venue_difference{currency="BTC"} 0\n' in gauges.stdout


def test_nothing_in_quarantine_is_an_empty_list(server: RunningServer) -> None:
    listed = server.command("quarantine")
    resolved = server.command(
        "resolve-quarantine", "0123456789abcdef01234567", "--rejected", "--evidence", "none"
    )
    closed = server.command("close-break", "0123456789abcdef01234567", "--evidence", "none")

    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1)
    assert resolved.returncode == closed.returncode == 2
    assert "expected an existing attempt in quarantine of batch" in resolved.stderr
    assert "expected an existing break, was 0123" in closed.stderr
