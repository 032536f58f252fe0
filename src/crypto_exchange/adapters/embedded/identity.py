"""Which user Postgres runs as: it refuses to be root, or a number without a name."""

from __future__ import annotations

import enum
import os
import pwd
import shutil
import subprocess
from pathlib import Path

_NOBODY = 65534


class Identity(enum.Enum):
    """How Postgres is run, with all files where they are."""

    OURSELVES = "ourselves"
    """We are an ordinary user."""
    NAMESPACE = "namespace"
    """We, under the number of nobody in a user namespace: on disk the files stay ours."""
    CAPABLE = "capable"
    """User nobody, who owns the files and is let through directories that are closed to him."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """What comes before the program and its arguments."""
        return _PREFIXES[self]

    def own(self, directory: Path) -> None:
        """Make the directory the program's own."""
        if self is Identity.CAPABLE:
            os.chown(directory, _NOBODY, _NOBODY)


_PREFIXES: dict[Identity, tuple[str, ...]] = {
    Identity.OURSELVES: (),
    Identity.NAMESPACE: ("unshare", "--user", f"--map-user={_NOBODY}"),
    Identity.CAPABLE: (
        "setpriv",
        f"--reuid={_NOBODY}",
        f"--regid={_NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        # Without it access(2), by which Postgres finds its own programs, ignores the capability.
        "--securebits=+no_setuid_fixup",
        # A change of the user cancels the signal that the parent's death is to send.
        "--pdeathsig=INT",
    ),
}


def choose_identity() -> Identity:
    """Return the first identity that works here.

    Raises:
        OSError: none does.
    """
    for identity in Identity:
        if is_usable(identity):
            return identity
    raise OSError(
        "Postgres must run as an ordinary user with a name: expected to be one, or to be allowed a"
        " user namespace (unshare --user) or a change of user (setpriv), but was user"
        f" {os.geteuid()} without either"
    )


def is_usable(identity: Identity) -> bool:
    """Whether Postgres can be started with this identity by us, here."""
    if identity is Identity.OURSELVES:
        return os.geteuid() != 0 and _has_name(os.geteuid())
    if shutil.which(identity.prefix[0]) is None:
        return False
    argv = (*identity.prefix, "true")
    attempt = subprocess.run(argv, capture_output=True, check=False)  # noqa: S603 - a constant
    return attempt.returncode == 0


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True
