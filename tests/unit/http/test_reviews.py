"""Operators look at what the fraud rules hold, and let it go on or end it."""

from __future__ import annotations

from crypto_exchange.domain.audit_log import Action
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Role
from tests.unit.http.api import Api
from tests.unit.http.given_subjects import give_officer, give_review, hold_order

_PATH = "admin/reviews/"


async def test_an_operator_sees_why_an_order_is_held_and_until_when(
    api: Api, context: Context
) -> None:
    _, token = await give_officer(context, Role.OPERATOR)
    ident = await give_review(api, context)

    (shown,) = (await api.call("GET", _PATH, token=token)).json

    assert shown["id"] == ident
    assert (shown["kind"], shown["amount"], shown["verdict"]) == ("order", "20.00", "hold")
    assert shown["reasons"] == ["linked_orders"]
    assert (shown["score"], shown["top"]) == ("9870", ["linked_orders"])
    assert shown["opened_at"][8:10] != shown["deadline"][8:10]


async def test_what_is_released_goes_on_and_what_is_refused_is_paid_back(
    api: Api, context: Context
) -> None:
    _, token = await give_officer(context, Role.OPERATOR)
    released, refused = await give_review(api, context), await give_review(api, context)

    for ident, act in ((released, "release"), (refused, "refuse")):
        answer = await api.call("POST", f"{_PATH}{ident}/{act}/", '{"note": "asked"}', token=token)
        assert (answer.status, answer.json["state"]) == (200, f"{act.rstrip('e')}ed")
        again = await api.call("POST", f"{_PATH}{ident}/{act}/", "{}", token=token)
        assert (again.status, again.code) == (409, "wrong_state")

    assert (await api.call("GET", _PATH, token=token)).json == []
    entries = await context.queries.list_audit(limit=9, after=None, action=Action.REVIEW_RELEASED)
    assert [each.details["note"] for each in entries] == ["asked"]


async def test_nobody_decides_on_what_is_held_of_themselves(api: Api, context: Context) -> None:
    user_id, token = await give_officer(context, Role.OPERATOR)
    await api.call("PATCH", "accounts/wallet/deposit", '{"amount": 50.00}', token=token)
    ident = await hold_order(context, user_id)

    answer = await api.call("POST", f"{_PATH}{ident}/release/", "{}", token=token)

    assert (answer.status, answer.code) == (403, "forbidden")


async def test_what_is_no_review_is_not_found(api: Api, context: Context) -> None:
    _, token = await give_officer(context, Role.OPERATOR)

    for ident in ("1", "1-0", "0-abc", "x-y"):
        answer = await api.call("POST", f"{_PATH}{ident}/refuse/", "{}", token=token)
        assert answer.code == "not_found"


async def test_the_queue_is_shown_page_by_page(api: Api, context: Context) -> None:
    _, token = await give_officer(context, Role.OPERATOR)
    given = [await give_review(api, context) for _ in range(3)]

    found, path = [], f"{_PATH}?limit=1"
    while path:
        page = await api.call("GET", path, token=token)
        found += [each["id"] for each in page.json]
        path = page.headers.get("link", "").partition("<")[2].partition(">")[0]
        path = path.removeprefix("/api/v1/")

    assert sorted(found) == sorted(given)
