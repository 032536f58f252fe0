"""What is kept of an account, told to its owner alone; and the answer to closing it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from litestar.exceptions import LitestarException

from crypto_exchange.adapters.memory import MemoryReadModels
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.domain.audit_log import TERMINAL, Actor
from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.use_cases import administration, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http import export
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.export import LEFT_OUT, SECTIONS, ExportResponse
from tests.unit.http.api import Answer, Api
from tests.unit.http.application import app_over, client_of
from tests.unit.http.conftest import NOW_US
from tests.unit.http.given_keys import give_key
from tests.unit.http.second_factor_suite import PASSWORD, Customer
from tests.unit.http.suite import place

STEP = NOW_US // 30_000_000


async def exported(api: Api, customer: Customer) -> Any:
    answer = await api.call("GET", "accounts/export/", token=customer.token)
    assert answer.status == 200, answer
    return answer.json


async def close(api: Api, customer: Customer, **body: object) -> Answer:
    text = json.dumps({"password": PASSWORD} | body)
    return await api.call("POST", "accounts/close/", text, token=customer.token)


def test_every_table_with_rows_of_users_is_exported_or_left_out_for_a_reason() -> None:
    of_users = {
        table.name
        for table in metadata.tables.values()
        if "user_id" in table.columns or table.name == "users"
    }

    assert SECTIONS.keys() | LEFT_OUT.keys() == of_users
    assert not SECTIONS.keys() & LEFT_OUT.keys()
    assert set(SECTIONS.values()) <= set(ExportResponse.__struct_fields__)
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())


async def test_an_export_has_everything_but_secrets(api: Api, context: Context) -> None:
    alice = await Customer(api, STEP).enrolled("100.00")
    user_id = context.tokens.read_access(alice.token).user_id
    key = await give_key(context, user_id)
    await place(api, alice.token, '{"crypto": "ABAN", "spend": 20.00}')
    for batch, purchase in await trading.seal_due(context, "ABAN"):
        await trading.execute(context, batch, purchase)

    found = await exported(api, alice)

    assert found.keys() == set(ExportResponse.__struct_fields__)
    assert found["account"] == {
        "id": str(user_id),
        "username": alice.name,
        "role": "user",
        "status": "active",
        "created_at": found["sessions"][0]["created_at"],
    }
    assert found["second_factor"]["state"] == "active"
    assert found["second_factor"]["recovery_codes_left"] == "10"
    assert found["wallet"] == {"balance": "80.00", "currency": "USD"}
    assert [each["crypto"] for each in found["holdings"]] == ["ABAN"]
    assert [each["total_price"] for each in found["orders"]] == ["20.00"]
    assert [each["amount"] for each in found["transactions"]] == ["20.00", "100.00"]
    assert [each["device"] for each in found["sessions"]] == ["testclient"]
    assert [each["scopes"] for each in found["api_keys"]] == [["read", "trade", "withdraw"]]
    actions = [entry["action"] for entry in found["security_log"]]
    assert actions == ["account_exported", "second_factor_enrolled", "registered"]
    text = json.dumps(found)
    secrets = (PASSWORD, alice.secret, *alice.recovery_codes, alice.token, key, key.split("_")[3])
    assert [secret for secret in secrets if secret in text] == []


async def test_an_export_is_for_its_user_alone_and_tells_nothing_of_others(
    api: Api, context: Context
) -> None:
    alice, boss = Customer(api, STEP), Customer(api, STEP)
    await alice.register("7.00")
    await boss.register("9.00")
    user_id, boss_id = (context.tokens.read_access(each.token).user_id for each in (alice, boss))
    await administration.change_role(context, boss_id, Role.ADMIN, actor=TERMINAL)
    boss.token = (await boss.log_in()).json["access"]
    officer = Actor(user_id=boss_id, address="198.51.100.9", request_id="of-the-boss")
    await administration.freeze(context, user_id, "lost her phone", actor=officer)

    of_alice, of_boss = await exported(api, alice), await exported(api, boss)

    (frozen,) = (e for e in of_alice["security_log"] if e["action"] == "account_frozen")
    assert frozen["by"] == "somebody else"
    assert "details" not in frozen  # why is between officers
    assert not {"address", "request_id"} & frozen.keys()
    text = json.dumps(of_alice)
    assert [word for word in (boss.name, officer.address, officer.request_id) if word in text] == []
    (froze,) = (e for e in of_boss["security_log"] if e["action"] == "account_frozen")
    assert froze == {"at": frozen["at"], "via": "api", "action": "account_frozen", "by": "you"}
    assert alice.name not in json.dumps(of_boss)


async def test_long_lists_are_exported_whole_in_pages(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    alice = Customer(api, STEP)
    await alice.register()
    for cents in range(1, 6):
        await alice.move("deposit", f"0.0{cents}")

    found = await exported(api, alice)

    assert [each["amount"] for each in found["transactions"]] == [
        "0.05",
        "0.04",
        "0.03",
        "0.02",
        "0.01",
    ]


async def test_exports_have_a_limit_of_their_own(context: Context, config: HttpConfig) -> None:
    limited = msgspec.structs.replace(config, limits=(Limit("exports", 2, 3_600 * 10**6),))
    async with client_of(app_over(context, limited)) as client:
        api = await Api.open(client)
        alice = Customer(api, STEP)
        await alice.register()

        answers = [await api.call("GET", "accounts/export/", token=alice.token) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert "exports of one user" in answers[2].json["detail"]


async def test_what_fails_in_the_middle_cuts_the_document_off(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Customer(api, STEP)
    await alice.register("1.00")
    monkeypatch.setattr(MemoryReadModels, "list_audit", _broken)

    with pytest.raises(LitestarException, match="after response started"):
        await api.call("GET", "accounts/export/", token=alice.token)


async def test_coins_that_are_given_up_are_told_in_the_answer(api: Api, context: Context) -> None:
    alice = Customer(api, STEP)
    await alice.register("20.00")
    await place(api, alice.token, '{"crypto": "ABAN", "spend": 20.00}')
    for batch, purchase in await trading.seal_due(context, "ABAN"):
        await trading.execute(context, batch, purchase)

    refused = await close(api, alice)
    closed = await close(api, alice, leave_holdings=True)

    assert (refused.status, refused.code) == (409, "account_not_empty")
    assert "1 ABAN that are not given up" in refused.json["detail"]
    assert closed.json["left"] == [{"crypto": "ABAN", "amount": "1"}]
    assert "cannot be asked for any more" in closed.json["notice"]
    assert (await alice.log_in()).code == "invalid_credentials"


async def _broken(*_: object, **__: object) -> AsyncIterator[object]:
    raise ZeroDivisionError
