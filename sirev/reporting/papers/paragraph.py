"""A builder of LaTeX paragraphs: escaped text, formatted numbers, and the keys of citations."""

from __future__ import annotations

from dataclasses import dataclass, field

from sirev.reporting.latex import escape


class Tex(str):
    """LaTeX that is not escaped, unlike other text."""

    __slots__ = ()


@dataclass
class Paragraph:
    """Sentences, with the keys of their citations."""

    sentences: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def say(self, *parts: str) -> None:
        """Add a sentence of these parts. The full stop is added."""
        self.sentences.append(f"{''.join(map(_escaped, parts))}.")

    def cite(self, *keys: str) -> Tex:
        """A citation of these keys, which are kept for the bibliography; empty keys are skipped."""
        known = [key for key in keys if key]
        self.keys += known
        return Tex(f"~\\cite{{{','.join(known)}}}" if known else "")

    def text(self) -> str:
        """The paragraph, with a sentence per line."""
        return "\n".join(self.sentences)


def numeral(value: float) -> Tex:
    """A number; very small and large ones with a power of ten."""
    return Tex(f"${power}$") if "10^" in (power := _power(value)) else Tex(power)


def equation(symbol: str, value: float) -> Tex:
    """An equation of a LaTeX symbol, such as \\beta, and its value."""
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
