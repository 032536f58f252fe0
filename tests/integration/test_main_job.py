"""The main job over real HTTP with real processes, seen as a person sees it."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from tests import paper_record
from tests.running import Person, RunningServer

pytestmark = pytest.mark.xdist_group("server")


def test_a_large_order_is_bought_at_once_and_completed(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")

    order = person.place("ABAN", amount="3")

    assert (order["state"], order["total_price"]) == ("pending", Decimal("60.00"))
    assert person.ended(order)["state"] == "completed"
    assert person.get("/accounts/wallet/")["balance"] == Decimal("40.00")
    [holding] = person.get("/accounts/holdings/")
    assert (holding["crypto"], holding["amount"], holding["cost"]) == ("ABAN", 3, Decimal("60.00"))


def test_exactly_ten_dollars_is_direct_and_a_cent_less_waits(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")

    direct = person.place("BTC", spend="10.00")
    waits = person.place("ETH", spend="9.99")

    assert direct["state"] == "pending"
    assert waits["state"] == "aggregated"
    assert person.ended(direct)["state"] == "completed"
    assert person.order(waits)["state"] == "aggregated"
    last = person.place("ETH", spend="0.01")
    assert {person.ended(order)["state"] for order in (waits, last)} == {"completed"}


def test_thirty_ten_dollar_orders_in_a_row_all_complete(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="300.00")

    orders = [person.place("BTC", spend="10.00") for _ in range(30)]

    assert {person.ended(order)["state"] for order in orders} == {"completed"}
    assert {order["status"] for order in paper_record.all_orders(server, "BTC")} == {"FILLED"}


def test_fifty_parallel_orders_of_one_person_are_all_taken(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")

    def place(_number: int) -> int:
        body = {"crypto": "ETH", "spend": "2.00"}
        return person.client.post("/orders/", json=body).status_code

    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(place, range(50)))

    assert codes == [201] * 50
    assert person.get("/accounts/wallet/")["balance"] == 0


def test_the_books_agree_with_the_exchange(server: RunningServer) -> None:
    ledger = server.ledger()

    assert set(ledger["sums"].values()) == {"0.00000000"}
    kept = paper_record.balances(server)
    for currency in ("ABAN", "BTC", "ETH"):
        assert -Decimal(ledger["accounts"].get(f"venue:{currency}", 0)) == kept[currency]
    assert -Decimal(ledger["accounts"]["venue:USD"]) == kept["USDT"]


def test_run_json_names_every_child_and_only_its_owner_may_read_it(server: RunningServer) -> None:
    mode = stat.S_IMODE((server.data_dir / "run.json").stat().st_mode)

    assert mode == 0o600
    roles = {process["role"] for process in server.run_file["processes"]}
    assert roles == {"postgres", "valkey", "paper-exchange", "worker", "api"}


def test_a_second_serve_on_the_same_directory_is_refused(server: RunningServer) -> None:
    second = server.command("serve")

    assert second.returncode == 2
    assert "DATA_DIR" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_halted_asset_refuses_orders_until_it_is_resumed(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="50.00")
    body = {"crypto": "ABAN", "amount": "1"}

    assert server.command("asset", "halt", "ABAN").returncode == 0
    refused = person.client.post("/orders/", json=body)
    assert server.command("asset", "resume", "ABAN").returncode == 0
    taken = person.client.post("/orders/", json=body)

    assert (refused.status_code, refused.json()["code"]) == (409, "asset_halted")
    assert taken.status_code == 201


def test_accounts_are_frozen_given_roles_and_logged_out_at_the_terminal(
    server: RunningServer,
) -> None:
    person = Person(server.run_file["api_url"], deposit="50.00")
    shown = json.loads(server.command("user", "show", person.name).stdout)
    body = {"crypto": "ABAN", "amount": "1"}

    frozen = server.command("user", "freeze", person.name, "--reason", "a test")
    refused = person.client.post("/orders/", json=body)
    again = server.command("user", "freeze", person.name, "--reason", "a test")
    assert server.command("user", "unfreeze", person.name, "--reason", "a test").returncode == 0
    taken = person.client.post("/orders/", json=body)
    role = server.command("user", "role", person.name, "operator")
    ended = person.client.post("/orders/", json=body)
    listed = server.command("user", "list", person.name.upper())
    assert server.command("user", "logout", person.name).returncode == 0

    assert (shown["username"], shown["balance"], shown["sessions"]) == (person.name, "50.00", 1)
    assert frozen.returncode == 0, frozen.stderr
    assert (refused.status_code, refused.json()["code"]) == (403, "account_frozen")
    assert (again.returncode, taken.status_code, ended.status_code) == (2, 201, 401)
    assert "expected an account that is active, was one that is frozen" in again.stderr
    assert (role.returncode, role.stdout) == (
        0,
        f"{person.name} has the role operator; all logins have ended\n",
    )
    assert listed.stdout.splitlines()[1].split()[1:] == ["operator", "active", person.name]


def test_an_asset_is_listed_once_and_its_rules_are_brought_in_at_the_terminal(
    server: RunningServer,
) -> None:
    again, unknown = (server.command("asset", "add", symbol) for symbol in ("ABAN", "NOPE"))
    rules = server.command("asset", "rules")

    assert (again.returncode, unknown.returncode) == (2, 2)
    assert "ABAN: expected an asset that is not listed" in again.stderr
    assert "NOPE: expected what the exchange trades" in unknown.stderr
    assert rules.returncode == 0, rules.stderr


def test_the_demo_is_as_told(server: RunningServer) -> None:
    told = server.command("demo")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "All of it was as told." in told.stdout


def test_every_command_explains_itself(server: RunningServer) -> None:
    for command in ("serve", "api", "worker", "fund", "asset", "ledger", "create-superuser"):
        help_text = server.command(command, "--help")

        assert help_text.returncode == 0
        assert "Example:" in help_text.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fund", "DOGE", "5"), "DOGE"),
        (("fund", "USD", "1e5"), "AMOUNT"),
        (("asset", "halt", "NOPE"), "NOPE"),
        (("nonsense",), "nonsense"),
    ],
)
def test_a_mistake_at_the_terminal_is_answered_by_a_sentence(
    server: RunningServer, arguments: tuple[str, ...], says: str
) -> None:
    answer = server.command(*arguments)

    assert answer.returncode == 2
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_administrator_can_be_created_and_log_in(server: RunningServer) -> None:
    created = server.command(
        "create-superuser", "--username", "root-1", "--password-stdin", stdin="a-long-password\n"
    )

    assert created.returncode == 0, created.stderr
    person = Person(server.run_file["api_url"])
    login = {"username": "ROOT-1", "password": "a-long-password"}
    assert person.client.post("/accounts/auth/login/", json=login).status_code == 200


def test_the_embedded_demo_takes_common_passwords_by_every_way_in(server: RunningServer) -> None:
    created = server.command(
        "create-superuser", "--username", "root-2", "--password-stdin", stdin="password1\n"
    )
    person = Person(server.run_file["api_url"])
    login = {"username": "lazy-1", "password": "password1"}

    assert created.returncode == 0, created.stderr
    assert person.client.post("/accounts/auth/register/", json=login).status_code == 201


def test_two_administrators_pay_a_user_at_the_terminal(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"])
    for name in ("root-3", "root-4"):
        new = ("create-superuser", "--username", name, "--password-stdin")
        assert server.command(*new, stdin=f"password of {name}\n").returncode == 0

    def said(*arguments: str, by: str) -> str:
        login = ("--as", by, "--password-stdin")
        stdin = f"password of {by}\n"
        answer = server.command("adjustment", *arguments, *login, stdin=stdin)
        return answer.stdout or answer.stderr

    proposed = said("propose", person.name, "2.50", "--reason", "goodwill", by="root-3")
    key = proposed.split()[1]

    assert "no part in the proposal" in said("approve", key, by="root-3")
    approved = said("approve", key, by="root-4")
    assert approved == f"adjustment {key} of 2.50 USD is approved\n"
    [shown] = person.get("/transactions/")
    assert (shown["type"], shown["amount"], shown["order_id"]) == ("deposit", Decimal("2.5"), None)
    assert person.get("/accounts/wallet/")["balance"] == Decimal("2.50")
    assert not Decimal(server.ledger()["sums"]["USD"])


def test_moved_capital_is_booked(server: RunningServer) -> None:
    before = Decimal(server.ledger()["accounts"]["house:capital:USD"])

    assert server.command("fund", "USD", "5.00").returncode == 0
    assert server.command("fund", "USD", "--", "-5.00").returncode == 0

    assert Decimal(server.ledger()["accounts"]["house:capital:USD"]) == before


def test_dumped_data_hold_no_password(server: RunningServer) -> None:
    dumped = server.command("dump-data")

    assert dumped.returncode == 0
    assert "argon2" not in dumped.stdout
    assert '"admin"' in dumped.stdout


def test_the_shell_awaits(server: RunningServer) -> None:
    answer = server.command("shell", stdin="len(await context.queries.list_assets())\n")

    assert answer.returncode == 0, answer.stderr
    assert "4" in answer.stdout


def test_the_version_and_the_calls_are_listed(server: RunningServer) -> None:
    assert server.command("version").stdout.startswith("crypto-exchange ")
    assert "/api/v1/orders/{" in server.command("show-urls").stdout


def test_without_a_running_server_a_command_says_so(tmp_path: Path) -> None:
    answer = RunningServer(tmp_path / "nobody").command("ledger")

    assert answer.returncode == 3
    assert "expected a running server" in answer.stderr


def test_a_data_dir_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    for command in ("serve", "ledger"):
        answer = RunningServer(tmp_path, DATA_DIR=str(file)).command(command)
        assert answer.returncode == 2
        assert (
            f"DATA_DIR must be a directory that we may write to, but {file} is not" in answer.stderr
        )


def test_the_end_of_input_is_no_password(server: RunningServer) -> None:
    answer = server.command("create-superuser")

    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


def test_every_wrong_setting_is_named(tmp_path: Path) -> None:
    wrong = {"MAX_WAIT": "soon", "AGGREGATION_THRESHOLD": "ten"}
    answer = RunningServer(tmp_path / "nobody", **wrong).command("serve")

    assert answer.returncode == 2
    assert "MAX_WAIT must be" in answer.stderr
    assert "AGGREGATION_THRESHOLD must be" in answer.stderr
