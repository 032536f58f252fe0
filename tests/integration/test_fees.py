"""The exchange's fee, wherever it is taken: the books agree, and nobody is owed more than arrived."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests import paper_record
from tests.running import Person, running_server

pytestmark = pytest.mark.xdist_group("fees")


@pytest.mark.parametrize("fee_in", ["coin", "BNB"])
def test_a_fee_in_coin_or_in_a_third_coin_is_the_houses(tmp_path: Path, fee_in: str) -> None:
    settings = {"PAPER_PRICES": "BTC=63127.41,BNB=600.00", "PAPER_FEE_IN": fee_in}
    with running_server(tmp_path, **settings) as server:
        person = Person(server.run_file["api_url"], deposit="100.00")

        orders = [person.place("BTC", spend=s) for s in ("10.00", "25.37", "6.00", "4.01")]
        ended = [person.ended(order) for order in orders]

        assert {order["state"] for order in ended} == {"completed"}
        ledger = server.ledger()
        accounts = {name: Decimal(balance) for name, balance in ledger["accounts"].items()}
        assert set(ledger["sums"].values()) == {"0.00000000"}
        kept = paper_record.balances(server)
        assert -accounts["venue:BTC"] == kept["BTC"]
        assert -accounts["venue:USD"] == kept["USDT"]
        assert accounts["house:inventory:BTC"] >= 0
        if fee_in == "BNB":
            assert accounts["house:fees:BNB"] < 0
            assert -accounts["venue:BNB"] == kept["BNB"]
