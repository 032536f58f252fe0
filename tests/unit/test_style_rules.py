"""What Ruff and mypy are told to refuse, planted in a copy of the package: they have to name it."""

import re
import sys
from pathlib import Path

from tests.package_copy import copy_of_the_package, run

IMPURE = """\
import os
import random  # banned
import secrets  # banned
import time  # banned
import uuid
from datetime import date, datetime

import msgspec

datetime.now()  # banned
datetime.today()  # banned
datetime.utcnow()  # banned
date.today()  # banned
os.urandom(8)  # banned
uuid.uuid1()  # banned
uuid.uuid4()  # banned
uuid.uuid6()  # banned
uuid.uuid7()  # banned
msgspec.json.decode(b"1")  # banned
"""


def test_the_domain_must_not_tell_the_time_or_draw_ids_and_the_rest_may(tmp_path: Path) -> None:
    root = copy_of_the_package(tmp_path)
    for place in ("domain", "domain/use_cases", "adapters", "entrypoints"):
        (root / "src/crypto_exchange" / place / "planted.py").write_text(IMPURE)

    complaints = ruff(root, "--select", "TID251")

    lines = [n for n, line in enumerate(IMPURE.splitlines(), start=1) if "# banned" in line]
    found = re.findall(r"crypto_exchange/(.*)/planted\.py:(\d+):", complaints)
    places = ("domain", "domain/use_cases")
    assert sorted(found) == sorted((place, str(line)) for place in places for line in lines)


def test_only_the_command_line_prints(tmp_path: Path) -> None:
    root = copy_of_the_package(tmp_path)
    for place in ("domain", "adapters", "entrypoints/cli"):
        (root / "src/crypto_exchange" / place / "planted.py").write_text('print("here")\n')

    complaints = ruff(root, "--select", "T20")

    assert "domain/planted.py:1:1: T201" in complaints
    assert "adapters/planted.py:1:1: T201" in complaints
    assert "cli/planted.py" not in complaints


def ruff(root: Path, *options: str) -> str:
    arguments = ["check", "--no-cache", "--output-format=concise", *options, "src"]
    output = run([sys.executable, "-m", "ruff", *arguments], root)
    assert output.returncode == 1, output
    return output.stdout


UNTYPED = """\
import enum


class Side(enum.Enum):
    BUY = 1
    SELL = 2


class Base:
    def name(self) -> str:
        return ""


class Child(Base):
    def name(self) -> str:  # expect: explicit-override
        return "child"


def untyped(a):  # expect: no-untyped-def
    return a


def unhandled(side: Side) -> None:
    match side:  # expect: exhaustive-match
        case Side.BUY:
            pass


def undefined(flag: bool) -> int:
    if flag:
        a = 1
    return a  # expect: possibly-undefined


def always(base: Base) -> int:
    if base:  # expect: truthy-bool
        return 1
    return "no"  # expect: return-value


def redundant(a: int) -> bool:
    return isinstance(a, int) and a > 1  # expect: redundant-expr


wrong: int = ""  # type: ignore  # expect: ignore-without-code
"""


def test_types_are_checked_strictly(tmp_path: Path) -> None:
    root = copy_of_the_package(tmp_path)
    (root / "src/crypto_exchange/domain/planted.py").write_text(UNTYPED)

    arguments = ["--follow-imports=silent", "src/crypto_exchange/domain/planted.py"]
    output = run([sys.executable, "-m", "mypy", "--cache-dir", str(root / "c"), *arguments], root)

    found = set(re.findall(r"planted\.py:(\d+): error: .*\[([a-z-]+)\]", output.stdout))
    wanted = {
        (str(number), line.partition("expect: ")[2])
        for number, line in enumerate(UNTYPED.splitlines(), start=1)
        if "expect: " in line
    }
    assert found == wanted, output
    assert output.returncode == 1
