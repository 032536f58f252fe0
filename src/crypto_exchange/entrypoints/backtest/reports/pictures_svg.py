"""A figure as SVG for a page: in the page's font and colours, with a title and a description.

Equal figures give equal bytes: no date, and ids that follow from the picture's name.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

from crypto_exchange.entrypoints.backtest.reports import drawing
from crypto_exchange.entrypoints.backtest.reports.report_markup import Markup, tag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = {
    "#000000": "--ink",
    "#999999": "--muted",
    drawing.INK: "--ink",
    drawing.MUTED: "--muted",
    drawing.LINE: "--line",
    drawing.BLUE: "--blue",
    drawing.ORANGE: "--orange",
    drawing.GREEN: "--green",
    drawing.PURPLE: "--purple",
}
"""What the page calls each colour of `drawing`, and those that others draw with for black and grey."""
_COLOR = re.compile("|".join(COLORS))
_FONT = re.compile(r"(font(?:-family)?:[^;\"]*?)\s*'DejaVu Sans'[^;\"]*")
_ID = re.compile(r' id="([^"]*)"')
_USED = re.compile(r"(?:href=\"|url\()#([^\")]+)")
_HEAD = re.compile(r"<svg [^>]*viewBox=\"([^\"]*)\"[^>]*>")
_FOREIGN = re.compile(r"\s*<(metadata|style)\b.*?</\1>", re.DOTALL)
"""What tells when and by what it was written, and a style that would hold for the whole page."""


def to_svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    """The figure, without a background. `name` is no other picture's on the page."""
    written = StringIO()
    with drawing.style(**{"svg.hashsalt": name}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    text = _FOREIGN.sub("", text[text.index("<svg") :])
    text = _own_ids(text, name)
    text = _COLOR.sub(lambda found: f"var({COLORS[found[0]]})", text)
    text = _FONT.sub(r"\1 inherit", text).replace("font-family: inherit; ", "")
    told = tag("title", title, id=f"{name}-title") + tag("desc", description, id=f"{name}-desc")
    head = (
        r'<svg role="img" viewBox="\1" '
        f'aria-labelledby="{name}-title" aria-describedby="{name}-desc">{told}'
    )
    return Markup(re.sub(r"\n\s*", "\n", _HEAD.sub(head, text, count=1)))


def _own_ids(text: str, name: str) -> str:
    """Keep the ids that are referred to, and let each begin with the picture's name."""
    used = set(_USED.findall(text))
    text = _ID.sub(lambda id_: f' id="{name}-{id_[1]}"' if id_[1] in used else "", text)
    text = re.sub(r'xlink:href="#', f'href="#{name}-', text)
    return text.replace("url(#", f"url(#{name}-")
