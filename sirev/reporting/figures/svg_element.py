"""Conversion of matplotlib's SVG files into isolated elements of a web page."""

from __future__ import annotations

import re
from html import escape

_REFERENCE = r'((?:xlink:)?href="#|url\(#)([^")]+)'


def embedded(file: str, own: str, sentence: str) -> str:
    """The <svg> element of an SVG file, with `sentence` as its title and `own` as its id.

    Other ids are kept if something refers to them, prefixed with `own`. Style rules are limited to the element.
    """
    element = file[file.index("<svg") :].strip()
    element = re.sub(r"\s*<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    tags = re.compile(r"<[^<>]*>")  # ids are in tags; text between tags may look like one
    used = {found[1] for tag in tags.findall(element) for found in re.findall(_REFERENCE, tag)}
    element = tags.sub(lambda tag: _renamed(tag[0], own, used), element)
    element = element.replace('<style type="text/css">*{', f'<style type="text/css">#{own} *{{')
    opening, rest = element.split(">", 1)
    return f'{opening} id="{own}" role="img">\n <title>{escape(sentence)}</title>{rest}\n'


def recoloured(file: str, colours: dict[str, str]) -> str:
    """An SVG file with colours replaced: each key of `colours`, such as "#0072b2", by its value, in tags alone."""

    def other(tag: re.Match[str]) -> str:
        return re.sub(r"#[0-9a-f]{6}\b", lambda colour: colours.get(colour[0], colour[0]), tag[0])

    return re.sub(r"<[^<>]*>", other, file)


def _renamed(tag: str, own: str, used: set[str]) -> str:
    tag = re.sub(r'\sid="([^"]*)"', lambda found: f' id="{own}-{found[1]}"' if found[1] in used else "", tag)
    return re.sub(_REFERENCE, rf"\1{own}-\2", tag)
