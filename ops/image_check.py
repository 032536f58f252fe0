"""Build the image with buildah and start it as compose.yaml does, without a container engine.

As root on Debian, with the packages buildah and debootstrap. The base image is BASE, or a small
Debian with Python made here, once. What the image is to work with, embedded servers started by
`crypto-exchange serve`, runs beside it. Its root file system is mounted read-only, its user is its
own, without capabilities or new privileges (`buildah run` offers no read-only root, so it is done by
hand in a mount namespace). Exit codes: 0 it works · 1 it doesn't · 2 something is missing here.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crypto_exchange.adapters.embedded import free_port
from crypto_exchange.entrypoints.cli.connection import addresses_as_settings
from crypto_exchange.entrypoints.cli.run_file import find_addresses

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "build" / "containers"
IMAGE = "localhost/crypto-exchange-check"
OWN_BASE = "localhost/crypto-exchange-base"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_START_S = 60
_MOUNTS = """\
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
[ -z "$DATA_OWNER" ] || mount -t tmpfs -o "$DATA_OWNER" tmpfs "$1/data"
exec chroot "$@"
"""
_LOOK_AROUND = """\
id -u
grep -E 'CapEff|NoNewPrivs' /proc/self/status
for place in / /opt /opt/crypto-exchange /data /tmp; do
  if touch $place/x 2>/dev/null; then echo "writes to $place"; fi
done
"""


class FaultError(Exception):
    """The image does not do what it has to."""


def main() -> int:
    """Build it, then start each of its services."""
    missing = [tool for tool in ("buildah", "debootstrap") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        wanting = f"{', '.join(missing)} missing" if missing else "not root"
        print(
            f"expected root, with buildah and debootstrap installed, was {wanting}", file=sys.stderr
        )
        return 2
    try:
        build()
        with mounted() as root, servers() as environment:
            check(Image(root, environment))
    except FaultError as error:
        print(error, file=sys.stderr)
        return 1
    print("the image works: read-only root, its own user, no capabilities")
    return 0


def build() -> None:
    """Build the image, on a base that is made if there is none."""
    base = os.environ.get("BASE", OWN_BASE)
    if base == OWN_BASE and not buildah("images", "--quiet", "--filter", f"reference={base}"):
        _make_base()
    with tempfile.TemporaryDirectory() as temporary:
        pip = Path(temporary, "pip.conf")
        pip.write_text(f"[global]\ncert = {_CERTIFICATES}\n")
        mounts = (f"{pip}:/etc/pip.conf:ro", f"{_CERTIFICATES}:{_CERTIFICATES}:ro")
        volumes = [option for mount in mounts for option in ("--volume", mount)]
        options = ["--isolation", "chroot", "--build-arg", f"BASE={base}", "--tag", IMAGE, *volumes]
        pull = ["--pull-never"] if base == OWN_BASE else []
        buildah("build", "--quiet", *pull, *options, str(ROOT))


class Image:
    """The built image as a service manager would start it."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        inspected = json.loads(buildah("inspect", "--type", "image", IMAGE))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        self.entry: list[str] = config["Entrypoint"]
        self.user, _, self.group = config["User"].partition(":")
        self._root = root
        self._environment = dict(line.split("=", 1) for line in config["Env"]) | environment

    def start(self, *command: str, volume: bool = False, **settings: str) -> subprocess.Popen[str]:
        """Start a command; with `volume`, /data is one, empty and the user's own."""
        environment = [f"{name}={text}" for name, text in (self._environment | settings).items()]
        ids = (f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups")
        locks = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
        inside = ["setpriv", *ids, *locks, "env", "--ignore-environment", "--chdir=/data"]
        outside = ["unshare", "--mount", "sh", "-c", _MOUNTS, "sh", str(self._root)]
        owner = f"uid={self.user},gid={self.group}" if volume else ""
        return subprocess.Popen(
            [*outside, *inside, *environment, *command],
            env={**os.environ, "DATA_OWNER": owner},
            text=True,
            stdout=subprocess.PIPE,
        )

    def run(self, *command: str) -> str:
        """Run a command to its end; returns its output."""
        process = self.start(*command)
        output = process.communicate(timeout=_START_S)[0].strip()
        if process.returncode != 0:
            raise FaultError(f"{command}: expected exit code 0, was {process.returncode}")
        return output

    def serve(self, name: str, *urls: str, volume: bool = False, **settings: str) -> None:
        """Start a service with these settings, ask it at these addresses, stop it."""
        process = self.start(*self.entry, name, volume=volume, **settings)
        try:
            for url in urls:
                _expect_200(url, process)
                print(f"{name}: 200 at {url}")
        finally:
            process.terminate()
            code = process.wait(_START_S)
        if code != 0:
            raise FaultError(f"{name}: expected exit code 0 after SIGTERM, was {code}")


def check(image: Image) -> None:
    """Try what compose.yaml relies on."""
    if not image.user.isdigit() or int(image.user) == 0:
        raise FaultError(f"expected a user by number that is not root, was {image.user!r}")
    found = image.run("sh", "-c", _LOOK_AROUND).splitlines()
    expected = [image.user, "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "writes to /tmp"]
    if found != expected:
        raise FaultError(f"expected {expected}, was {found}")
    for once in ("migrate", "seed"):
        print(image.run(*image.entry, once))
    api, paper = free_port(), free_port()
    health = f"http://127.0.0.1:{api}/health"
    image.serve("api", f"{health}/live", f"{health}/ready", PORT=str(api))
    ping = f"http://127.0.0.1:{paper}/api/v3/ping"
    image.serve("paper-exchange", ping, volume=True, PAPER_PORT=str(paper))


@contextlib.contextmanager
def mounted() -> Iterator[Path]:
    """A container's root directory."""
    container = buildah("from", "--pull-never", IMAGE)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """The settings that reach servers started for this check."""
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "DATA_DIR": data}
        command = [sys.executable, "-m", "crypto_exchange", "serve"]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            if not any(line.startswith("ready:") for line in server.stdout):
                raise FaultError("expected `crypto-exchange serve` to become ready, it ended")
            addresses = find_addresses(Path(data))
            assert addresses is not None
            keys = {name: secrets.token_hex(32) for name in ("SECRET_KEY", "JWT_SECRET_KEY")}
            yield addresses_as_settings(addresses) | keys | {"HOST": "127.0.0.1"}
        finally:
            server.terminate()
            server.communicate(timeout=_START_S)


def buildah(*arguments: str) -> str:
    """Run buildah in a store of our own; returns its output."""
    STORE.mkdir(parents=True, exist_ok=True)
    store = ("--root", str(STORE / "storage"), "--runroot", str(STORE / "run"))
    command = ["buildah", "--storage-driver", "vfs", *store, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise FaultError(f"buildah {arguments[0]}: expected exit code 0, was {done.returncode}")
    return done.stdout.strip()


def _make_base() -> None:
    print("making a base image with debootstrap: a minute or two", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        options = ["--variant=minbase", "--include=python3-venv,ca-certificates"]
        subprocess.run(
            ["debootstrap", *options, "bookworm", temporary], stdout=subprocess.DEVNULL, check=True
        )
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, temporary, "/")
        buildah("commit", "--quiet", "--rm", container, OWN_BASE)


def _expect_200(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(_START_S * 5):
        with contextlib.suppress(urllib.error.URLError, OSError):
            if urllib.request.urlopen(url, timeout=2).status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise FaultError(f"{url}: expected 200, was none within {_START_S} s")


if __name__ == "__main__":
    sys.exit(main())
