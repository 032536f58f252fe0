"""Common passwords: those that are guessed first, in a list of our own that the package brings.

`common_passwords.txt` holds one a line, as `plain_password` writes it, sorted; only those of 8 characters
or more, since shorter ones are refused anyway.
"""

from __future__ import annotations

from importlib.resources import files


def load_common_passwords() -> frozenset[str]:
    """All of the list."""
    listed = files(__package__) / "common_passwords.txt"
    return frozenset(listed.read_text(encoding="utf-8").splitlines())
