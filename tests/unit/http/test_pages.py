"""The pages that describe the API: served whole by ourselves, under a strict policy."""

import re
from typing import Any, TypeAlias

import pytest

Client: TypeAlias = Any
PAGES = ["swagger", "redoc"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_served_with_and_without_a_slash(
    client: Client, page: str, slash: str
) -> None:
    answer = await client.get(f"/api/v1/{page}{slash}")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_runs_no_inline_script_and_nothing_of_another_host(
    client: Client, page: str
) -> None:
    answer = await client.get(f"/api/v1/{page}/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert not re.search(r"<script(?![^>]* src=)", answer.text)
    assert not re.search(r'(?:src|href)="(?!/)', answer.text)


@pytest.mark.parametrize("page", PAGES)
async def test_everything_a_page_loads_is_there_and_may_be_kept(client: Client, page: str) -> None:
    text = (await client.get(f"/api/v1/{page}/")).text
    addresses = re.findall(r'(?:src|href)="(/api/v1/static/[^"]+)"', text)

    assert len(addresses) >= 3
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in {
            "text/css",
            "text/javascript",
            "image/svg+xml",
        }


async def test_of_another_version_nothing_is_kept_and_other_files_are_not_found(
    client: Client,
) -> None:
    old = await client.get("/api/v1/static/0123456789abcdef/redoc.css")
    other = await client.get("/api/v1/static/0123456789abcdef/secrets.json")

    assert (old.status_code, old.headers["cache-control"]) == (200, "no-store")
    assert other.status_code == 404
