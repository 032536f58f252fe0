"""The documents say what the code says: parts that follow from it are as `make docs` writes them."""

import re

import pytest

from crypto_exchange.domain.asset import AssetStatus
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.entrypoints.http.app import list_operations, list_served
from crypto_exchange.entrypoints.http.problems import PROBLEMS
from crypto_exchange.settings import SETTINGS
from tests.documents import DOCUMENTS, PARTS, ROOT, list_commands, renewed

WRITTEN = {document: (ROOT / document).read_text() for document in DOCUMENTS}
ALL = WRITTEN | {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "SECURITY.md")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_follows_from_the_code_is_up_to_date(document: str) -> None:
    text = WRITTEN[document]

    assert text == renewed(text), "run `make docs`"


def test_every_part_stands_in_a_document() -> None:
    found = re.findall(r"<!-- (\w+): written by make docs -->", "".join(WRITTEN.values()))

    assert sorted(found) == sorted(PARTS)


def test_a_part_that_is_out_of_date_is_noticed() -> None:
    text = WRITTEN["docs/configuration.md"].replace("`24h`", "`25h`")

    assert renewed(text) == WRITTEN["docs/configuration.md"] != text


def test_every_setting_call_and_code_is_documented() -> None:
    for name in SETTINGS:
        assert f"| `{name}` |" in WRITTEN["docs/configuration.md"]
    for call in list_operations():
        assert f"| `{call.method} {call.path.replace(':str', '')}` |" in WRITTEN["docs/api.md"]
    for code in PROBLEMS:
        assert f"| `{code}` |" in WRITTEN["docs/api.md"]


@pytest.mark.parametrize(("name", "text", "example"), [*list_commands()])
def test_every_command_says_what_it_does_and_has_an_example_that_calls_it(
    name: str, text: str, example: str
) -> None:
    words = [word for word in name.split() if re.fullmatch("[a-z][a-z-]*", word)]

    assert text.endswith(".")
    assert f"crypto-exchange {' '.join(words)}" in example


@pytest.mark.parametrize("document", ALL)
def test_every_link_and_path_leads_somewhere(document: str) -> None:
    text, folder = ALL[document], (ROOT / document).parent

    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    paths = re.findall(r"`((?:src|tests|docs)/[\w/.-]+)`", text)

    missing = [link for link in links if not (folder / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", ALL)
def test_every_setting_that_is_mentioned_exists(document: str) -> None:
    assert mentioned_settings(ALL[document]) <= set(SETTINGS)


@pytest.mark.parametrize("document", ALL)
def test_every_command_that_is_mentioned_exists(document: str) -> None:
    assert mentioned_commands(ALL[document]) <= {name.split()[0] for name, *_ in list_commands()}


@pytest.mark.parametrize("document", ALL)
def test_every_target_of_make_that_is_mentioned_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert mentioned_targets(ALL[document]) <= targets


@pytest.mark.parametrize("document", ALL)
def test_every_path_of_the_api_that_is_mentioned_exists(document: str) -> None:
    paths = {served.path.replace(":str", "").strip("/") for served in list_served()}

    assert {path.strip("/") for path in mentioned_paths(ALL[document])} <= paths


def test_every_code_state_and_reason_that_is_mentioned_exists() -> None:
    enums = (OrderState, Reason, AssetStatus)
    words = {member.value for kind in enums for member in kind} | set(PROBLEMS)

    assert mentioned_codes(WRITTEN["docs/api.md"]) <= words


def test_what_does_not_exist_is_noticed() -> None:
    text = (
        "`FAKE_NAME`, `FAKE`, `crypto-exchange fake`, `make fake`, `GET /api/v1/fake/`, `fake_it`"
    )

    assert mentioned_settings(text) == {"FAKE_NAME", "FAKE"}
    assert mentioned_commands(text) == {"fake"}
    assert mentioned_targets(text) == {"fake"}
    assert mentioned_paths(text) == {"/api/v1/fake/"}
    assert mentioned_codes(text) == {"fake_it"}


def test_every_state_and_reason_of_an_order_is_explained() -> None:
    for kind in (OrderState, Reason):
        for member in kind:
            assert f"| `{member.value}` |" in WRITTEN["docs/api.md"]


def mentioned_settings(text: str) -> set[str]:
    """Words in capitals between backticks, but for a stand-in, a coin and a variable of make."""
    return set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)[`=]", text)) - {"NAME", "USDT", "UPGRADE"}


def mentioned_commands(text: str) -> set[str]:
    """What stands behind the program's name where code is written."""
    return set(re.findall(r"(?:`|\$ |bin/|api |=\S+ )crypto-exchange ([a-z][a-z-]*)", text))


def mentioned_targets(text: str) -> set[str]:
    """What stands behind `make` where code is written."""
    return set(re.findall(r"(?:`|^ {0,4}|\$ )make ([a-z][a-z-]*)", text, re.MULTILINE))


def mentioned_paths(text: str) -> set[str]:
    """Paths of the API between backticks."""
    return set(re.findall(r"`(?:[A-Z]+ )?(/api/v1/[^`?]*|/health/[^`?]*)`", text))


def mentioned_codes(text: str) -> set[str]:
    """Words in small letters with an underscore between backticks."""
    return set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text))
