"""The frame of every page that is written: one file that needs no network, in one look, on screen and on paper."""

from __future__ import annotations

import html


def whole(title: str, body: str, foot: str = "", style: str = "") -> str:
    """A page around a `body` of HTML; `title` and `foot` are plain text, `style` comes after the common one."""
    return PAGE.format(title=html.escape(title), style=f"{STYLE}{style}", body=body, foot=html.escape(foot))


PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
<footer>{foot}</footer>
</body>
</html>
"""

STYLE = """\
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a;
  font: 16px/1.55 Georgia, "Liberation Serif", "Times New Roman", serif; }
main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 2.5rem; }
h1, h2, h3, h4 { line-height: 1.2; font-weight: 600; margin: 2.2em 0 0.6em; }
h1 { font-size: 2rem; margin-top: 0; }
h2 { font-size: 1.4rem; border-top: 1px solid #ccc; padding-top: 0.8em; }
h3 { font-size: 1.1rem; }
p, ul, ol { margin: 0 0 0.9em; }
a { color: inherit; }
figure { margin: 0; }
img, svg { max-width: 100%; height: auto; }
svg, svg * { overflow: visible; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
pre, code { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; font-size: 0.8rem; line-height: 1.45; }
table { border-collapse: collapse; margin: 0.8em 0 1.4em; font-size: 0.9rem;
  font-variant-numeric: tabular-nums lining-nums; }
table th, table td { padding: 0.25em 0.8em; text-align: right; border: 0; border-bottom: 1px solid #e3e3e3; }
table thead th { border-bottom: 1px solid #555; font-weight: 600; vertical-align: bottom; }
table tbody th, table td:first-child, table th:first-child { text-align: left; }
footer { margin-top: 3rem; padding-bottom: 2rem; font-size: 0.8rem; color: #666; }
footer:not(:empty)::before { content: ""; display: block; border-top: 1px solid #ccc; margin-bottom: 0.7em; }
@media (max-width: 40rem) { body { font-size: 15px; } h1 { font-size: 1.5rem; } main { padding-top: 1.25rem; } }
@media print {
  @page { size: A4; margin: 18mm 16mm; }
  body { font-size: 10.5pt; }
  main, footer { max-width: none; padding: 0; }
  h1, h2, h3 { break-after: avoid; }
  figure, img, svg, tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
