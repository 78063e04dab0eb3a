"""Text for LaTeX: what stands in the results is shown as it is, and never read by TeX as a command.

pdfLaTeX in the encodings T1 and TS1 has the letters of the European languages and few signs. Greek letters and mathematical
signs become mathematics; every character beyond is shown as its code point.
"""
from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from markupsafe import Markup

#: Longer names, and longer words of a text, are cut in the middle.
LONGEST_NAME = 60
#: Longer runs without a place to break a line may be broken anywhere, where nothing else helps: mostly, and in narrow columns.
LONGEST_RUN, LONGEST_NARROW = 14, 4
#: What a break at a sign leaves on either side of it.
SHORTEST_PART = 3
#: Characters after which a line may be broken.
BREAKS = frozenset("/-_.,:;=|)]}>&+")

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
          "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
          "ς": "varsigma", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega",
          "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon",
          "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega"}
_MATHEMATICS = {"−": "-", "·": r"\cdot", "×": r"\times", "÷": r"\div", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "≠": r"\ne",
                "≈": r"\approx", "≡": r"\equiv", "∞": r"\infty", "√": r"\surd", "∑": r"\sum", "∏": r"\prod", "∫": r"\int",
                "‖": r"\Vert", "→": r"\to", "←": r"\leftarrow", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow",
                "⇔": r"\Leftrightarrow", "∈": r"\in", "∝": r"\propto", "∂": r"\partial", "∇": r"\nabla", "ĥ": r"\hat{h}",
                "ŷ": r"\hat{y}", "ẑ": r"\hat{z}", "′": r"^{\prime}", "⟨": r"\langle", "⟩": r"\rangle", "⊗": r"\otimes",
                "¬": r"\neg", "ℓ": r"\ell"}
_TEXT = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
         "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
         "–": r"\textendash{}", "—": r"\textemdash{}", "‐": "-", "\u2011": r"\mbox{-}", "…": r"\dots{}",
         "‘": r"\textquoteleft{}",
         "’": r"\textquoteright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}", "„": r"\quotedblbase{}",
         "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "½": r"\textonehalf{}", "¼": r"\textonequarter{}",
         "¾": r"\textthreequarters{}", "°": r"\textdegree{}", "µ": r"\textmu{}", "§": r"\S{}", "†": r"\dag{}", "‡": r"\ddag{}",
         "€": r"\texteuro{}", "£": r"\pounds{}", "©": r"\textcopyright{}", "®": r"\textregistered{}", "«": r"\guillemotleft{}",
         "»": r"\guillemotright{}", "•": r"\textbullet{}", "¡": r"\textexclamdown{}", "¿": r"\textquestiondown{}"}
#: Letters that T1 has, besides those of ASCII and Latin-1.
_LETTERS = frozenset("ĂăĄąĆćČčĎďĐđĘęĚěĞğİıĹĺĽľŁłŃńŇňŐőŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽžŒœ") | {
    chr(code) for code in range(0xC0, 0x100) if code not in (0xD7, 0xF7)}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-"))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-"))
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+|[{''.join(_SUBSCRIPTS)}]+|.", re.DOTALL)
#: So many words, or characters, to a line of the file: TeX reads lines of at most 200,000 characters.
LINE = 200
#: Two of these in a row would become one sign, such as a dash.
_LIGATURES = frozenset("-,'?!")


def text(value: Any) -> Markup:
    """A sentence: white space as one blank, long words cut in the middle and open to breaks."""
    if isinstance(value, Markup):
        return value
    words = [_word(cut(word)) for word in re.split(r"\s+", unicodedata.normalize("NFC", str(value)))]
    return Markup(" %\n{}".join(" ".join(words[start:start + LINE]) for start in range(0, len(words), LINE)))


def name(value: str, longest_run: int = LONGEST_RUN) -> Markup:
    """A name that a user gave: cut in the middle where it is long; blanks other than " " are shown as code points."""
    if not value:
        return Markup("(no name)")
    words = cut(unicodedata.normalize("NFC", value)).split(" ")
    return Markup(r"\unhyphenated{%s}" % " ".join(_word(word, longest_run) for word in words))


def narrow(value: str) -> Markup:
    """A name in a narrow column."""
    return name(value, LONGEST_NARROW)


def code(value: str) -> Markup:
    """Something to be typed: whole, in type of one width, each blank kept, open to breaks everywhere."""
    parts = re.split("( +)", value.replace("\n", " "))
    return Markup(r"\texttt{%s}" % _in_lines([r"\ " * len(part) if part.startswith(" ") else _typed(part) for part in parts]))


def lines(value: str) -> Markup:
    """Several lines as they are, in type of one width."""
    return Markup("\\\\\n".join(code(line) if line.strip() else r"\mbox{}" for line in value.splitlines()))


def number(value: float | None, digits: int = 3) -> Markup:
    """A number in so many significant digits, powers of ten written out; a dash where JSON had none."""
    if value is None:
        return Markup("--")
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    if not exponent:
        return Markup(f"${mantissa}$")
    return Markup(f"${'' if mantissa == '1' else mantissa + chr(92) + 'times '}10^{{{int(exponent)}}}$")


def cut(value: str) -> str:
    """The beginning and the end of what is too long."""
    half = LONGEST_NAME // 2
    return value if len(value) <= LONGEST_NAME else f"{value[:half]}…{value[1 - half:]}"


def _word(word: str, longest_run: int = LONGEST_RUN) -> str:
    """A word without blanks, open to breaks after signs, and in long runs without one."""
    long_runs = any(len(part) > longest_run for part in re.split(f"[{re.escape(''.join(BREAKS))}]", word))
    pieces, previous = [], ""
    for match in _RAISED.finditer(word):
        character, following = match.group(), word[match.end():match.end() + 1]
        if previous in _LIGATURES and character in _LIGATURES:
            pieces.append("{}")
        pieces.append(_latex(character))
        in_number = following.isdigit() and (previous.isdigit() or character in "-+" and previous == "e")
        apart = match.end() >= SHORTEST_PART and len(word) - match.end() >= SHORTEST_PART
        if character in BREAKS and following and apart and not in_number:
            pieces.append(r"\allowbreak{}")
        elif following and (long_runs or in_number and character in BREAKS and character not in ".,"):
            pieces.append(r"\emergencybreak{}")
        previous = character
    return _in_lines(pieces)


def _typed(part: str) -> str:
    """A part of what is to be typed: no typographic quotes, breaks everywhere."""
    shown = [r"\textquotesingle{}" if one == "'" else _latex(one) for one in part]
    return _in_lines([piece + r"\allowbreak{}" for piece in shown[:-1]] + shown[-1:])


def _in_lines(pieces: list[str]) -> str:
    """Pieces of a word one after the other, in lines of which TeX does not see the ends."""
    return "%\n".join("".join(pieces[start:start + LINE]) for start in range(0, len(pieces), LINE))


@cache
def _latex(character: str) -> str:
    """LaTeX of one character, or of a run of superscripts or subscripts."""
    if character in _TEXT:
        return _TEXT[character]
    if character[0] in _SUPERSCRIPTS:
        return r"\ensuremath{^{%s}}" % "".join(_SUPERSCRIPTS[one] for one in character)
    if character[0] in _SUBSCRIPTS:
        return r"\ensuremath{_{%s}}" % "".join(_SUBSCRIPTS[one] for one in character)
    if character in _GREEK:
        return rf"\ensuremath{{\{_GREEK[character]}}}"
    if character in _MATHEMATICS:
        return rf"\ensuremath{{{_MATHEMATICS[character]}}}"
    if " " <= character <= "~" or character in _LETTERS:
        return character
    return rf"\codepoint{{{ord(character):04X}}}"
