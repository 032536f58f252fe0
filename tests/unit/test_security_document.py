"""SECURITY.md says what is there: every test that it names exists, and no promise is without evidence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
STATES = {"yes", "in part", "not yet", "yours"}
THREATS = {"S", "T", "R", "I", "D", "E"}
NAMED = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", TEXT)


def rows(part: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    table = TEXT.partition(f"<!-- {part} -->\n")[2].partition("<!-- end -->")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()][2:]


def exists(file: str, name: str) -> bool:
    """Whether a file defines a class or function, or a class of it a function."""
    found: list[ast.stmt] = ast.parse((ROOT / file).read_text()).body
    for part in name.split("::"):
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        named = [node for node in found if isinstance(node, kinds) and node.name == part]
        if not named:
            return False
        found = named[0].body
    return True


@pytest.mark.parametrize(("file", "name"), sorted({*NAMED}))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert exists(file, name)


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = "tests/unit/test_security_document.py"

    assert exists(here, "exists")
    assert not exists(here, "test_nothing")
    assert not exists(here, "exists::test_nothing")


def test_every_flow_answers_every_kind_of_threat_or_says_that_it_does_not_yet() -> None:
    threats = rows("threats")
    flows = dict.fromkeys(flow for flow, *_ in threats)

    assert len(flows) == 6
    for flow, threat, answer, evidence in threats:
        letters = set(threat.partition(":")[0].split(", "))
        assert letters <= THREATS, (flow, threat)
        assert "`" in evidence or "not there yet" in answer or "not yet" in answer, (flow, threat)
    for flow in ("client → API", "worker → exchange", "operator → CLI", "files in DATA_DIR"):
        met = {
            letter
            for each, threat, *_ in threats
            if each == flow
            for letter in threat.partition(":")[0].split(", ")
        }
        assert met == THREATS, flow


def test_every_row_of_the_checklist_has_a_state_and_what_is_there_has_evidence() -> None:
    checklist = rows("asvs")
    numbers = [tuple(map(int, number.split("."))) for number, *_ in checklist]

    assert numbers == sorted(set(numbers))
    assert len(numbers) > 100
    for number, requirement, state, evidence in checklist:
        assert state in STATES, number
        assert requirement, number
        assert state == "not yet" or evidence.strip("–"), number
