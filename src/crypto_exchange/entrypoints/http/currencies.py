"""Crypto-currencies: what can be bought, and at what price."""

from __future__ import annotations

from crypto_exchange.domain.use_cases import currencies
from crypto_exchange.entrypoints.http.operations import ApiRequest, Operation, get_context, route
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import CurrencyResponse, currency_response

_CACHE = [(b"cache-control", b"public, max-age=1")]


@route(
    Operation(
        method="GET",
        path="/api/v1/exchanges/crypto-currencies/",
        name="list_currencies",
        summary="List crypto-currencies with their last prices, by name",
        tag="exchange",
        answer=list[CurrencyResponse],
        public=True,
        answer_example=(
            '[{"name": "ABAN", "price": 4.00, "as_of": "2026-01-31T12:00:00.000000Z", '
            '"status": "active", "lot_step": 0.001, "min_notional": 5.00}]'
        ),
    )
)
async def list_currencies(request: ApiRequest) -> Reply:
    """200 with all of them."""
    assets = await currencies.list_assets(get_context(request))
    rows = sorted(assets, key=lambda asset: asset.symbol)
    return json_reply([currency_response(asset) for asset in rows], headers=_CACHE)


ROUTES = (list_currencies,)
