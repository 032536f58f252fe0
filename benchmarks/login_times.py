"""Whether the time of a refused login tells if a name is registered: wrong passwords against nobody.

Start a server with all limits off, then:
    python benchmarks/login_times.py http://127.0.0.1:8000 [pairs]

It reports the Mann-Whitney test of both samples. `AUC` is how often a login of a registered name took
longer than one of nobody: 0.5 if the time tells nothing. `p` is how likely a difference at least that
large is by chance alone; about one run in twenty is below 0.05 where there is none.
"""

import math
import random
import secrets
import statistics
import sys
import time
from itertools import groupby

import httpx

WARM_UP = 10


def main(address: str, pairs: int) -> None:
    """Time so many logins of each kind, by turns in random order, and compare them."""
    with httpx.Client(base_url=f"{address}/api/v1/accounts/auth", timeout=30) as client:
        name = f"bench-{secrets.token_hex(6)}"
        login = {"username": name, "password": secrets.token_urlsafe(16)}
        client.post("/register/", json=login).raise_for_status()
        known: list[float] = []
        unknown: list[float] = []
        for _ in range(WARM_UP + pairs):
            turns = [(name, known), (f"bench-{secrets.token_hex(6)}", unknown)]
            random.shuffle(turns)
            for username, times in turns:
                times.append(time_refusal(client, username))
    compare(known[WARM_UP:], unknown[WARM_UP:])


def time_refusal(client: httpx.Client, username: str) -> float:
    """How long a login with a wrong password takes to be refused, in milliseconds."""
    body = {"username": username, "password": secrets.token_urlsafe(16)}
    began = time.perf_counter()
    answer = client.post("/login/", json=body)
    took = (time.perf_counter() - began) * 1_000
    if answer.status_code != 401:
        raise SystemExit(f"expected 401, was {answer.status_code}: {answer.text}")
    return took


def compare(known: list[float], unknown: list[float]) -> None:
    """Print the medians and the test."""
    u, z, p = mann_whitney(known, unknown)
    print(
        f"{len(known)} pairs: median {statistics.median(known):.2f} ms of a registered name, "
        f"{statistics.median(unknown):.2f} ms of nobody"
    )
    print(f"Mann-Whitney U {u:.0f}, z {z:+.2f}, p {p:.3f}, AUC {u / len(known) / len(unknown):.3f}")


def mann_whitney(first: list[float], second: list[float]) -> tuple[float, float, float]:
    """U of the first sample, z and the two-sided p by the normal approximation, corrected for ties."""
    n, m = len(first), len(second)
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank, ranks, ties = 1, 0.0, 0
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        sides = [side for _, side in group]
        ranks += sides.count(0) * (rank + (len(sides) - 1) / 2)
        ties += len(sides) ** 3 - len(sides)
        rank += len(sides)
    u = ranks - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    z = (u - n * m / 2) / math.sqrt(variance)
    return u, z, math.erfc(abs(z) / math.sqrt(2))


if __name__ == "__main__":
    arguments = [*sys.argv[1:], "200"]
    main(arguments[0], int(arguments[1]))
