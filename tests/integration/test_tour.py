"""The tour of the README, line by line, against a fresh server."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import UNMEASURED, RunningServer, running_server

README = Path(__file__).parents[2] / "README.md"
MARK = "--- end of the output ---"
VARIES = (
    (r'"id":\d+', '"id":ID'),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'"unit_price":[\d.]+', '"unit_price":PRICE'),
    (r'"value":[\d.]+', '"value":VALUE'),
    (r'("crypto":"BTC","amount"|"filled_amount"):0\.\d+', r"\1:COINS"),
)
CURL = """\
import sys, urllib.error, urllib.request
headers, body, method, url, words = {}, None, None, "", iter(sys.argv[1:])
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(": ")
        headers[name] = value
    elif word == "-d":
        body = next(words).encode()
    elif word == "-X":
        method = next(words)
    elif word != "-s":
        url = word
request = urllib.request.Request(url, body, headers, method=method)
try:
    print(urllib.request.urlopen(request).read().decode(), end="")
except urllib.error.HTTPError as refusal:
    print(refusal.read().decode(), end="")
"""


@pytest.mark.xdist_group("tour")
@pytest.mark.no_cover
def test_the_tour_shows_what_it_says(tmp_path: Path) -> None:
    steps = read_tour()

    with running_server(tmp_path / "data", UNMEASURED, API_PROCESSES="2") as server:
        shown = run_tour(server, [command for command, _ in steps], tmp_path)

    assert len(steps) >= 15
    for (command, promised), output in zip(steps, shown, strict=True):
        assert alike(output) == alike(promised), command


def test_a_tour_that_shows_something_else_is_noticed() -> None:
    assert alike('{"id":1,"state":"pending"}') == alike('{"id":207,"state":"pending"}')
    assert alike('{"id":1,"state":"pending"}') != alike('{"id":1,"state":"failed"}')
    assert alike('"balance":1000.00') != alike('"balance":999.00')


def read_tour() -> list[tuple[str, str]]:
    """Each command with the output that is promised for it."""
    tour = README.read_text().partition("## A five-minute tour")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", tour, re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    commands = [re.match(r"(?:.*\\\n)*.*\n", step) for step in steps]
    return [(c[0], step[c.end() :]) for step, c in zip(steps, commands, strict=True) if c]


def run_tour(server: RunningServer, commands: list[str], directory: Path) -> list[str]:
    """What each command prints, all run by one shell."""
    here = {
        "127.0.0.1:8000": f"127.0.0.1:{server.port}",
        ".venv/bin/crypto-exchange": shlex.join([sys.executable, "-m", "crypto_exchange"]),
    }
    script = f"echo {shlex.quote(MARK)}\n".join(["", *commands, ""])
    for written, meant in here.items():
        script = script.replace(written, meant)
    if shutil.which("curl") is None:  # the tour needs it, but no test needs what is not installed
        (directory / "curl.py").write_text(CURL)
        stand_in = shlex.join([sys.executable, str(directory / "curl.py")])
        script = f'curl() {{ {stand_in} "$@"; }}\n{script}'
    ran = subprocess.run(
        ["sh"],
        input=script,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stderr == ""
    return ran.stdout.split(f"{MARK}\n")[1:-1]


def alike(text: str) -> str:
    for pattern, placeholder in VARIES:
        text = re.sub(pattern, placeholder, text)
    return text.strip()


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("body", ["", '{"a": 1}'])
def test_the_stand_in_for_curl_calls_as_curl_does(body: str, server: RunningServer) -> None:
    url = f"http://127.0.0.1:{server.port}/api/v1/accounts/auth/login/"
    arguments = ["-s", "-H", "Content-Type: application/json", "-X", "POST", "-d", body, url]

    ran = subprocess.run(
        [sys.executable, "-c", CURL, *arguments], capture_output=True, text=True, check=True
    )

    assert '"code":"' in ran.stdout
