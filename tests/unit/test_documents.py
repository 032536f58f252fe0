"""The documents say what the code says: parts that follow from it are as `make docs` writes them."""

import re
from pathlib import Path

import pytest

from crypto_exchange.entrypoints.http.app import list_operations
from crypto_exchange.entrypoints.http.problems import PROBLEMS
from crypto_exchange.settings import SETTINGS
from tests.documents import DOCUMENTS, PARTS, ROOT, list_commands, renewed

WRITTEN = {document: (ROOT / document).read_text() for document in DOCUMENTS}


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
    words = [word for word in name.split() if re.fullmatch("[a-z-]+", word)]

    assert text.endswith(".")
    assert f"crypto-exchange {' '.join(words)}" in example


@pytest.mark.parametrize("document", [*DOCUMENTS, "CONTRIBUTING.md"])
def test_every_link_and_path_leads_somewhere(document: str) -> None:
    text, folder = (ROOT / document).read_text(), (ROOT / document).parent

    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    paths = re.findall(r"`((?:src|tests|docs)/[\w/.-]+)`", text)

    missing = [link for link in links if not (folder / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md"])
def test_every_setting_that_is_mentioned_exists(document: str) -> None:
    words = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", Path(ROOT / document).read_text()))

    assert words <= set(SETTINGS)
