"""How many orders a second the domain decides: placed, sealed, bought, settled. One core, no I/O.

Run: python benchmarks/domain.py [orders]
"""

import sys
import time

from crypto_exchange.domain import Asset, MarketRule, Simulation
from crypto_exchange.domain.money import CENT, DOLLAR, parse_units

USERS = 100


def main(orders: int) -> None:
    """Place small and large orders by turns, and run what is due after every hundred."""
    rule = MarketRule(lot_step=1_000, min_notional=5 * DOLLAR, fee_ppm=1_000)
    btc = Asset(symbol="BTC", rule=rule, price=parse_units("63127.41", 12), priced_at_us=0)
    simulation = Simulation((btc,))
    users = [simulation.register(f"user{number}") for number in range(USERS)]
    for user in users:
        simulation.deposit(user, 10_000_000 * DOLLAR)

    began = time.perf_counter()
    for number in range(orders):
        spend = 25 * DOLLAR if number % 2 else (1 + number % 800) * CENT
        simulation.place(users[number % USERS], "BTC", spend=spend)
        if number % 100 == 99:
            simulation.run()
    simulation.run()
    seconds = time.perf_counter() - began

    print(f"{orders} orders in {seconds:.2f} s: {orders / seconds:,.0f} orders/s")
    print(f"still open: {len(simulation.open_orders())}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
