"""Reports: a run or a sweep as one HTML file, to be read anywhere and sent to anybody.

It needs no network and runs no script, has the reader's theme, and is below a megabyte however many
orders there are. Equal inputs give equal bytes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_exchange import __version__
from crypto_exchange.entrypoints.backtest.reports.drawing import new_axes
from crypto_exchange.entrypoints.backtest.reports.pictures import (
    Picture,
    Scene,
    list_pictures,
    paint,
    set_scene,
)
from crypto_exchange.entrypoints.backtest.reports.pictures_svg import to_svg
from crypto_exchange.entrypoints.backtest.reports.report_markup import (
    Markup,
    join,
    listed,
    section,
    tag,
)
from crypto_exchange.entrypoints.backtest.reports.report_orders import WORST, tabulate_worst
from crypto_exchange.entrypoints.backtest.reports.report_page import write_page
from crypto_exchange.entrypoints.backtest.reports.report_sweep import sections_of, tell_sweep
from crypto_exchange.entrypoints.backtest.reports.report_tables import (
    describe_orders,
    figures,
    tabulate_ends,
    tabulate_quality,
    tabulate_summary,
    tabulate_waits,
)
from crypto_exchange.entrypoints.backtest.reports.report_words import (
    list_assumptions,
    list_keys,
    tell_verdict,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, run_id

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.backtest.result import Result
    from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep

_WIDTH, _HEIGHT = 4.6, 3.3
_LIBRARIES = ("numpy", "matplotlib")


def write_report(
    result: Result,
    path: str | os.PathLike[str],
    *,
    sweep: Sweep | None = None,
    command: str | None = None,
    configuration: str | None = None,
) -> Path:
    """Write the report of a run, with a sweep if there is one.

    `command` and `configuration` (a TOML file's text) are shown as what makes it again; without a
    command, the inputs are.

    Raises:
        ImportError: without the extra `backtest`.
        OSError: the file can't be written.
    """
    scene = set_scene(result.inputs, result.records)
    summary, cover = result.summary, scene.cover
    top = join(
        [tag("p", tell_verdict(summary, cover), class_="verdict"), _list_tiles(result, scene)]
    )
    parts = [
        ("pictures", "Pictures", _show_pictures(scene)),
        ("summary", "Summary", join([tabulate_summary(summary), tabulate_waits(summary)])),
        ("ends", "How every order ended", tabulate_ends(result.records)),
        ("worst", f"The {WORST} orders that cost the most", tabulate_worst(scene)),
        *(sections_of(sweep) if sweep is not None else ()),
        *_common_parts(result.inputs, command, configuration, ledger_hash=result.ledger_hash),
    ]
    return _write(path, "Backtest", result.inputs, top, parts)


def write_sweep_report(
    sweep: Sweep,
    path: str | os.PathLike[str],
    *,
    command: str | None = None,
    configuration: str | None = None,
) -> Path:
    """Write the report of a sweep: its frontier, maps, cells and failures. Otherwise as `write_report`."""
    top = tag("p", tell_sweep(sweep), class_="verdict")
    varied = tuple(sweep.grid)
    parts = [*sections_of(sweep), *_common_parts(sweep.inputs, command, configuration, varied)]
    return _write(path, "Sweep", sweep.inputs, top, parts)


def _write(
    path: str | os.PathLike[str],
    kind: str,
    inputs: Inputs,
    top: Markup,
    parts: list[tuple[str, str, Markup]],
) -> Path:
    assets, name = ", ".join(inputs.prices), run_id(inputs)[:12]
    page = write_page(
        f"{kind} of {assets}, run {name}",
        f"{kind} · {assets} · run {name}",
        [(anchor, title) for anchor, title, _ in parts],
        top,
        *(section(*part) for part in parts),
    )
    target = Path(path)
    target.write_text(page, encoding="utf-8", newline="\n")
    return target


def _list_tiles(result: Result, scene: Scene) -> Markup:
    tiles = (
        tag("div", tag("dt", name), tag("dd", figure), tag("dd", note, class_="small"))
        for name, figure, note in list_keys(result.summary, scene.cover)
    )
    return tag("dl", *tiles, class_="tiles")


def _show_pictures(scene: Scene) -> Markup:
    return tag("div", *(_show(picture, scene) for picture in list_pictures()), class_="pictures")


def _show(picture: Picture, scene: Scene) -> Markup:
    why_not = picture.lacks(scene)
    if why_not:
        return tag("figure", tag("h3", picture.title), tag("figcaption", why_not))
    figure, axes = new_axes(_WIDTH, _HEIGHT)
    paint(axes, picture, scene)
    told = picture.tell(scene)
    svg = to_svg(figure, f"picture-{picture.name}", picture.title, told)
    return tag("figure", tag("h3", picture.title), svg, tag("figcaption", told))


def _common_parts(
    inputs: Inputs,
    command: str | None,
    configuration: str | None,
    varied: Sequence[str] = (),
    ledger_hash: str = "",
) -> list[tuple[str, str, Markup]]:
    return [
        ("assumptions", "Assumptions", listed(list_assumptions(inputs, varied))),
        ("inputs", "Prices and orders", join([tabulate_quality(inputs), describe_orders(inputs)])),
        (
            "again",
            "How to make it again",
            join([_show_command(inputs, command, configuration), _list_names(inputs, ledger_hash)]),
        ),
    ]


def _show_command(inputs: Inputs, command: str | None, configuration: str | None) -> Markup:
    if command is None:
        command = (
            "Backtest(\n    prices,  # whose fingerprints are above\n    orders,\n"
            f"    policy={inputs.policy!r},\n    market={dict(inputs.markets)!r},\n"
            f"    seed={inputs.seed},\n    engine={inputs.engine!r},\n)"
        )
    parts = [tag("pre", tag("code", command), tabindex="0", role="region", aria_label="Command")]
    if configuration is not None:
        said = tag("code", configuration)
        parts += [
            tag("h3", "Configuration"),
            tag("pre", said, tabindex="0", role="region", aria_label="Configuration"),
        ]
    return join(parts)


def _list_names(inputs: Inputs, ledger_hash: str) -> Markup:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    python = f"Python {platform.python_version()}"
    return figures(
        [
            ("run", run_id(inputs)),
            *([("ledger (SHA-256)", ledger_hash)] if ledger_hash else []),
            ("seed", str(inputs.seed)),
            ("engine", inputs.engine),
            ("versions", f"crypto-exchange {__version__}, {python}, {libraries}"),
        ]
    )
