"""A paragraph of LaTeX in the making: texts are escaped, numbers set, and what is cited is kept for the bibliography."""

from __future__ import annotations

from dataclasses import dataclass, field

from sirev.reporting.latex import escape


class Tex(str):
    """LaTeX that stands as it is; any other text is escaped."""

    __slots__ = ()


@dataclass
class Paragraph:
    """Sentences, and the keys of the references cited in them."""

    sentences: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def say(self, *parts: str) -> None:
        """Add a sentence of these parts, without its full stop."""
        self.sentences.append(f"{''.join(map(_escaped, parts))}.")

    def cite(self, *keys: str) -> Tex:
        """A citation of these keys; nothing where all are ""."""
        known = [key for key in keys if key]
        self.keys += known
        return Tex(f"~\\cite{{{','.join(known)}}}" if known else "")

    def text(self) -> str:
        """The paragraph, a sentence per line."""
        return "\n".join(self.sentences)


def numeral(value: float) -> Tex:
    """A number; a very small or large one as a power of ten."""
    return Tex(f"${power}$") if "10^" in (power := _power(value)) else Tex(power)


def equation(symbol: str, value: float) -> Tex:
    """A symbol of LaTeX's, such as \\beta, and its value."""
    return Tex(f"${symbol} = {_power(value)}$")


def _power(value: float) -> str:
    digits, _, exponent = f"{value:g}".partition("e")
    if not exponent:
        return digits
    times = "" if digits == "1" else f"{digits} \\times "
    return f"{times}10^{{{int(exponent)}}}"


def _escaped(part: str) -> str:
    if isinstance(part, Tex) or not part.strip():
        return part
    before, after = (" " if edge.isspace() else "" for edge in (part[0], part[-1]))
    return f"{before}{escape(part)}{after}"
