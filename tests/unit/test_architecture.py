"""The contracts of the architecture hold, and each of them can fail.

import-linter checks them (`make check`); here violations of each are planted in a copy of the
package, and it has to name every one.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.package_copy import PACKAGE, ROOT, copy_of_the_package, run

CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]


class Plant(NamedTuple):
    """An import that breaks one contract: `importer` and `imported` below the package."""

    contract: str
    importer: str
    imported: str


def test_the_package_keeps_every_contract() -> None:
    broken = broken_contracts(ROOT)

    assert broken == {}


def test_an_import_against_any_layer_breaks_its_contract(tmp_path: Path) -> None:
    plants = [plant for contract in CONTRACTS for plant in layer_plants(contract)]
    root = copy_of_the_package(tmp_path)

    for plant in plants:
        add_import(root, plant)

    assert len(plants) > 60
    assert_all_reported(plants, broken_contracts(root))


def test_every_forbidden_or_protected_import_breaks_its_contract(tmp_path: Path) -> None:
    plants = [
        *(
            Plant("The domain knows no framework and does no input or output", "domain.order", name)
            for name in contract("The domain knows no framework")["forbidden_modules"]
        ),
        Plant("Only bootstrap and entry points read the settings", "__main__", "settings"),
        Plant("Only bootstrap and the command line know the adapters", "__main__", "adapters"),
        *(
            Plant("Only bootstrap and the command line know the adapters", way_in, adapter)
            for way_in in ("entrypoints.http", "entrypoints.worker")
            for adapter in ("adapters.memory", "adapters.system", "adapters.postgres")
        ),
        Plant("The worker has no web framework and no ORM", "entrypoints.worker", "litestar"),
        Plant("The worker has no web framework and no ORM", "entrypoints.worker", "sqlalchemy"),
        *(
            Plant("The learned score is the worker's alone", importer, name)
            for importer in ("domain.signals", "entrypoints.http", "entrypoints.backtest")
            for name in ("adapters.fraud", "river")
        ),
        *(
            Plant("The paper exchange shares no code with the rest", "entrypoints.exchange", name)
            for name in ("adapters", "bootstrap", "domain.money", "settings")
        ),
        *(
            Plant("The reference model shares no code with what it judges", importer, name)
            for importer in ("entrypoints.testing.model", "entrypoints.testing.model.planning")
            for name in ("adapters.memory", "bootstrap", "domain.plan", "settings")
        ),
        *(
            Plant("Only bootstrap has a container", importer, "punq")
            for importer in ("__main__", "adapters.memory", "entrypoints.http", "settings")
        ),
    ]
    root = copy_of_the_package(tmp_path)

    for plant in plants:
        add_import(root, plant)

    names = {each["name"] for each in CONTRACTS if each["type"] != "layers"}
    assert {plant.contract for plant in plants} == names
    assert_all_reported(plants, broken_contracts(root))


def test_a_module_that_no_contract_lists_breaks_the_contract_of_its_package(tmp_path: Path) -> None:
    root = copy_of_the_package(tmp_path)
    containers = {
        each["name"]: each["containers"][0] for each in CONTRACTS if each["type"] == "layers"
    }

    for container in containers.values():
        (root / "src" / container.replace(".", "/") / "unlisted.py").write_text("")

    broken = broken_contracts(root)
    assert set(broken) == set(containers)
    for name, container in containers.items():
        assert f"{container}.unlisted" in broken[name]


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    loaded = modules_after("import crypto_exchange")

    assert [name for name in loaded if name.startswith("crypto_exchange")] == ["crypto_exchange"]


@pytest.mark.parametrize("module", ["crypto_exchange.domain", "crypto_exchange.__main__"])
def test_the_domain_and_the_command_start_with_msgspec_alone(module: str) -> None:
    loaded = modules_after(f"import {module}")

    outside = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert module in loaded
    assert outside <= {"__main__", "crypto_exchange", "msgspec"}


def test_a_missing_package_is_noticed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        modules_after("import sqlalchemy")


def contract(beginning: str) -> dict[str, Any]:
    return next(each for each in CONTRACTS if each["name"].startswith(beginning))


def layer_plants(contract: dict[str, Any]) -> Iterator[Plant]:
    """An import of each layer by the one below it, and of each other by independent siblings."""
    if contract["type"] != "layers":
        return
    container = contract["containers"][0].removeprefix("crypto_exchange").removeprefix(".")
    layers = [existing(container, layer) for layer in contract["layers"]]
    for upper, lower in pairwise(filter(None, layers)):
        for imported in upper:
            for importer in lower:
                yield Plant(contract["name"], importer, imported)
    for siblings in layers:
        for first, second in pairwise([*siblings, siblings[0]] if len(siblings) > 1 else []):
            yield Plant(contract["name"], first, second)


def existing(container: str, layer: str) -> list[str]:
    """The modules of a layer; those in parentheses are there only if they exist."""
    modules = []
    for item in layer.split("|"):
        name = f"{container}.{item.strip(' ()')}".strip(".")
        if "(" not in item or module_file(ROOT, name).exists():
            modules.append(name)
    return modules


def module_file(root: Path, name: str) -> Path:
    path = root / "src" / "crypto_exchange" / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def full_name(name: str) -> str:
    ours = module_file(ROOT, name).exists()
    return f"crypto_exchange.{name}" if ours else name


def add_import(root: Path, plant: Plant) -> None:
    path = module_file(root, plant.importer)
    path.write_text(f"{path.read_text()}\nimport {full_name(plant.imported)}\n")


def broken_contracts(root: Path) -> dict[str, str]:
    """What import-linter says of each broken contract, by the contract's name."""
    output = run([Path(sys.executable).with_name("lint-imports"), "--no-cache"], root)
    headings = "|".join(re.escape(each["name"]) for each in CONTRACTS)
    parts = re.split(rf"^({headings})\n-+$", output.stdout, flags=re.MULTILINE)
    broken = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert f"{len(CONTRACTS) - len(broken)} kept, {len(broken)} broken" in output.stdout, output
    assert output.returncode == bool(broken)
    return broken


def assert_all_reported(plants: list[Plant], broken: dict[str, str]) -> None:
    missed = [
        plant
        for plant in plants
        if not re.search(
            rf"{full_name(plant.importer)} (-> |.*){full_name(plant.imported)} ?\(l\.",
            broken.get(plant.contract, ""),
        )
    ]
    assert missed == [], broken


def modules_after(statement: str) -> list[str]:
    """The modules loaded by a statement where no package but msgspec is installed."""
    program = f"""
import sys

class OnlyMsgspec:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {{*sys.stdlib_module_names, "crypto_exchange", "msgspec"}}:
            raise ModuleNotFoundError(f"{{name}} is not installed", name=name)

already = set(sys.modules)
sys.path.insert(0, {str(PACKAGE.parent)!r})
sys.meta_path.insert(0, OnlyMsgspec())
{statement}
print(*sorted(set(sys.modules) - already), sep="\\n")
"""
    output = run([sys.executable, "-I", "-c", program], ROOT)
    output.check_returncode()
    return output.stdout.split()
