"""The demonstration waits as long as it is told when it has called too often."""

import httpx
import pytest

from crypto_exchange.entrypoints.cli.demo import _Walk
from crypto_exchange.settings import Settings


def test_a_call_too_many_is_made_again_when_the_answer_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = [
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(200, json={"balance": 1}),
    ]
    transport = httpx.MockTransport(lambda _: answers.pop(0))

    with httpx.Client(base_url="http://api", transport=transport) as client:
        wallet = _Walk(client, Settings.from_env({}))._call("GET", "/accounts/wallet/")

    assert wallet == {"balance": 1}
    assert "too many calls for now: waiting 0 s" in capsys.readouterr().out
