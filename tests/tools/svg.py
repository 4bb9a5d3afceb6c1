#!/usr/bin/env python3
"""svg.py FRAME LOOKS - a frame of the console as a picture.

FRAME: what `orbiter top --once -o json` prints; LOOKS: `orbiter theme show NAME -o json --depth 24-bit`. Each run of cells is placed by its column and
stretched to its width, so that borders are straight in whatever font there is.
"""
import json
import re
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, BASE, MARGIN = 8, 17, 13, 12
FONT_SIZE = 13.3  # of which most such fonts are as wide as a column
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def style(look):
    """fill of the ground and attributes of the text."""
    fg, bg = look["fg"], look["bg"]
    attributes = look["attributes"]
    if "reverse" in attributes:
        fg, bg = bg or "#000000", fg or "#ffffff"
    css = f'fill="{fg or "#cccccc"}"'
    css += ' font-weight="bold"' if "bold" in attributes else ""
    css += ' font-style="italic"' if "italic" in attributes else ""
    css += ' text-decoration="underline"' if "underline" in attributes else ""
    return bg, css


def runs_of(line):
    column = 0
    for run in line:
        yield column, run
        column += run["columns"]


def pieces(text, column):
    """The text without the blanks at its ends and in wide gaps: (column, text)."""
    word, at, gap = "", column, 0
    for c in text:
        if c == " ":
            gap += 1
        else:
            if gap > 1 or not word:
                if word:
                    yield at, word
                at, word, gap = column, "", 0
            word += " " * gap + c
            gap = 0
        column += 1
    if word:
        yield at, word


def borders(text, x, y, css):
    """Lines without gaps, whatever the font has."""
    for line in re.finditer("\u2500+|\u2502", text):
        at = x + line.start() * WIDTH
        if line[0] == "\u2502":
            print(f'<rect x="{at + WIDTH // 2}" y="{y}" width="1" height="{HEIGHT}" {css}/>')
        else:
            print(f'<rect x="{at}" y="{y + HEIGHT // 2}" width="{len(line[0]) * WIDTH}" height="1" {css}/>')


def main():
    frame = json.load(open(sys.argv[1], encoding="utf-8"))
    looks = {(look["role"], look["layer"]): look for look in json.load(open(sys.argv[2], encoding="utf-8"))}
    ground, _ = style(looks["text", "row"])
    width, height = frame["columns"] * WIDTH + 2 * MARGIN, frame["rows"] * HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{FONT}" font-size="{FONT_SIZE}">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="{ground}"/>')
    for row, line in enumerate(frame["lines"]):
        y = MARGIN + row * HEIGHT
        for column, run in runs_of(line):
            bg, css = style(looks[run["role"], run["on"]])
            x = MARGIN + column * WIDTH
            if bg != ground:
                print(f'<rect x="{x}" y="{y}" width="{run["columns"] * WIDTH}" height="{HEIGHT}" fill="{bg}"/>')
            if not run["text"].strip(" \u2500\u2502"):
                borders(run["text"], x, y, css)
                continue
            is_simple = len(run["text"]) == run["columns"]
            for at, text in pieces(run["text"], column) if is_simple else [(column, run["text"])]:
                cells = len(text) if is_simple else run["columns"]
                if text.strip():
                    print(f'<text x="{MARGIN + at * WIDTH}" y="{y + BASE}" textLength="{cells * WIDTH}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" {css}>{escape(text)}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
