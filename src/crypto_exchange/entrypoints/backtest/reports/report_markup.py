"""HTML from parts: text is escaped, markup is not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape


class Markup(str):
    """What is HTML already."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str) -> Markup:
    """An element; `class_` and `aria_label` are written as class and aria-label."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Parts in a row, text among them escaped."""
    return Markup("".join(each if isinstance(each, Markup) else escape(each) for each in parts))


def section(name: str, title: str, *content: str) -> Markup:
    """A part of the page with a heading; `name` is its anchor."""
    heading = tag("h2", title, id=f"{name}-heading")
    return tag("section", heading, *content, id=name, aria_labelledby=f"{name}-heading")


def listed(items: Iterable[str]) -> Markup:
    """Points."""
    return tag("ul", *(tag("li", item) for item in items))


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Container[int] = (),
    foot: Sequence[str] = (),
) -> Markup:
    """A table, which scrolls sideways by itself if it must. The first cell of a row is its head;
    `numbers` are the places of columns that stand at the right.
    """
    kinds = [{"class_": "number"} if place in numbers else {} for place in range(len(heads))]
    head = join(
        tag("th", text, scope="col", **kind) for text, kind in zip(heads, kinds, strict=True)
    )
    body = join(_row(row, kinds) for row in rows)
    parts = [
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", head)),
        tag("tbody", body),
    ]
    parts += [tag("tfoot", _row(foot, kinds))] if foot else []
    return tag(
        "div", tag("table", *parts), class_="wide", tabindex="0", role="region", aria_label=caption
    )


def _row(cells: Sequence[str], kinds: Sequence[dict[str, str]]) -> Markup:
    first, *rest = cells
    written = [tag("th", first, scope="row")]
    written += [tag("td", cell, **kind) for cell, kind in zip(rest, kinds[1:], strict=True)]
    return join([tag("tr", *written), "\n"])
