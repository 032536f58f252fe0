"""How many orders a second a running server takes over HTTP, and how soon they are settled.

Start one with all limits off, then:
    python benchmarks/http_orders.py http://127.0.0.1:8000 [orders] [clients]
"""

import asyncio
import secrets
import statistics
import sys
import time

import httpx

USERS = 50


async def main(address: str, orders: int, clients: int) -> None:
    """Place small and large orders by turns from so many clients at once; wait until all ended."""
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=f"{address}/api/v1", limits=limits, timeout=30) as client:
        tokens = [await _new_user(client) for _ in range(USERS)]
        waits: list[float] = []
        numbers = iter(range(orders))

        async def place() -> None:
            for number in numbers:
                spend = "12.00" if number % 2 else "2.50"
                began = time.perf_counter()
                answer = await client.post(
                    "/orders/",
                    json={"crypto": "BTC", "spend": spend},
                    headers={"Authorization": f"Bearer {tokens[number % USERS]}"},
                )
                answer.raise_for_status()
                waits.append((time.perf_counter() - began) * 1_000)

        began = time.perf_counter()
        await asyncio.gather(*(place() for _ in range(clients)))
        seconds = time.perf_counter() - began
        waits.sort()
        print(
            f"{orders} orders, {clients} clients: {orders / seconds:,.0f}/s, "
            f"p50 {statistics.median(waits):.1f} ms, p99 {waits[int(len(waits) * 0.99)]:.1f} ms"
        )
        await _wait_until_bought(client, tokens)
        print(
            f"all large orders ended {time.perf_counter() - began - seconds:.1f} s after the last"
        )


async def _new_user(client: httpx.AsyncClient) -> str:
    login = {"username": f"bench-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(16)}
    answer = await client.post("/accounts/auth/register/", json=login)
    token: str = answer.raise_for_status().json()["access"]
    headers = {"Authorization": f"Bearer {token}"}
    deposit = await client.patch(
        "/accounts/wallet/deposit", json={"amount": "1000000"}, headers=headers
    )
    deposit.raise_for_status()
    return token


async def _wait_until_bought(client: httpx.AsyncClient, tokens: list[str]) -> None:
    for token in tokens:
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            page = await client.get("/orders/", params={"limit": 200}, headers=headers)
            if all(order["state"] != "pending" for order in page.raise_for_status().json()):
                break
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    arguments = [*sys.argv[1:], "2000", "32"]
    asyncio.run(main(arguments[0], int(arguments[1]), int(arguments[2])))
