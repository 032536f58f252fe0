"""The frame of a report: one HTML file that loads nothing, runs nothing, and follows the reader's theme."""

from __future__ import annotations

from collections.abc import Sequence

from crypto_exchange.entrypoints.backtest.reports.report_markup import Markup, join, tag

LIGHT = {
    "page": "#f6f8fa",
    "panel": "#ffffff",
    "ink": "#1f2328",
    "muted": "#59636e",
    "line": "#d1d9e0",
    "blue": "#0969da",
    "orange": "#bc4c00",
    "green": "#1a7f37",
    "purple": "#8250df",
}
DARK = {
    "page": "#0d1117",
    "panel": "#151b23",
    "ink": "#e6edf3",
    "muted": "#9198a1",
    "line": "#3d444d",
    "blue": "#58a6ff",
    "orange": "#f0883e",
    "green": "#3fb950",
    "purple": "#bc8cff",
}
_RULES = """
*{box-sizing:border-box}
html{background:var(--page);color:var(--ink);-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:1240px;padding:0 20px 48px;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
header{padding:28px 0 4px}
h1{font-size:1rem;font-weight:600;color:var(--muted);margin:0 0 10px}
h2{font-size:1.2rem;margin:0 0 12px;line-height:1.3}
h3{font-size:1rem;margin:0 0 4px}
p{margin:0 0 10px}
a{color:var(--blue)}
.verdict{font-size:1.3rem;line-height:1.45;max-width:64em;text-wrap:pretty;margin:0 0 8px}
.small,figcaption,caption{color:var(--muted);font-size:.86rem}
nav{display:flex;flex-wrap:wrap;gap:2px 18px;margin:14px 0 18px}
nav a{padding:4px 0}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:20px;margin:0 0 18px}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:18px 0}
.tiles div{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tiles dt{color:var(--muted);font-size:.86rem}
.tiles dd{margin:0;font-size:1.45rem;font-weight:600;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles dd.small{font-size:.86rem;font-weight:400;color:var(--muted)}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:26px 28px}
figure{margin:0;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:470px;margin:4px 0 6px;overflow:visible}
figure svg *{stroke-linejoin:round;stroke-linecap:butt}
svg text{fill:var(--ink)}
.wide{overflow-x:auto;margin:0 0 14px;max-width:100%}
.wide:focus-visible,a:focus-visible,pre:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;min-width:min(100%,420px)}
caption{text-align:left;padding:0 0 6px}
caption span{display:block;max-width:min(78em,100vw - 56px)}
th,td{text-align:left;vertical-align:top;padding:5px 14px 5px 0;border-bottom:1px solid var(--line)}
th{font-weight:600}
tbody th{font-weight:400;white-space:nowrap}
thead th{color:var(--muted);font-size:.86rem;vertical-align:bottom}
tfoot th,tfoot td{font-weight:600;border-bottom:0}
.number{text-align:right;white-space:nowrap}
.nowrap{white-space:nowrap}
td small,th small{color:var(--muted);font-size:.92em}
.columns{columns:2 400px;column-gap:36px;margin:0 0 14px}
.columns div{break-inside:avoid}
dl.figures{display:grid;grid-template-columns:minmax(7.5em,34%) 1fr;gap:3px 14px;margin:0 0 16px;font-size:.92rem}
dl.figures dt{color:var(--muted)}
dl.figures dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
ul{margin:0 0 12px;padding-left:1.2em}
li{margin:0 0 5px}
pre{overflow-x:auto;background:var(--page);border:1px solid var(--line);border-radius:8px;padding:12px;
font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em;
overflow-wrap:anywhere}
@media (max-width:900px){.tiles{grid-template-columns:1fr 1fr}}
@media (max-width:600px){
body{padding:0 12px 32px}
section{padding:14px 12px;border-radius:8px}
.verdict{font-size:1.12rem}
.tiles{gap:8px}
.tiles dd{font-size:1.2rem}
th,td{padding-right:12px}
}
@media print{
body{max-width:none;padding:0;font-size:10.5pt}
section{border:0;padding:0;margin:0 0 14pt}
nav{display:none}
figure,tr,.tiles div{break-inside:avoid}
h2,h3,caption{break-after:avoid}
.wide{overflow:visible}
table{font-size:7.5pt;min-width:0}
th,td{padding:2pt 7pt 2pt 0}
.nowrap,.number,tbody th{white-space:normal}
pre{white-space:pre-wrap}
.pictures{grid-template-columns:1fr 1fr}
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_page(title: str, heading: str, sections: Sequence[tuple[str, str]], *content: str) -> str:
    """The whole file; `sections` are (anchor, title) of its parts."""
    links = [tag("a", text, href=f"#{name}") for name, text in sections]
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            Markup('<meta name="referrer" content="no-referrer">'),
            tag("title", title),
            tag("style", Markup(_style())),
        ]
    )
    top, *rest = content
    navigation = tag("nav", *links, aria_label="Parts of the report")
    body = join([tag("header", tag("h1", heading), top), navigation, tag("main", *rest)])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _style() -> str:
    light = f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    return light + dark + _RULES


def _variables(colors: dict[str, str]) -> str:
    return "".join(f"--{name}:{color};" for name, color in colors.items())
