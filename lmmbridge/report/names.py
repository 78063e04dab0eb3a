"""Names that others gave, made fit to be shown in a line."""
from __future__ import annotations

#: Longer names are cut in the middle.
LONGEST = 60


def printable(text: str) -> str:
    """The same in one line, with □ for what cannot be printed: controls, and what changes the direction of the text after it."""
    seen = "".join(character if character.isprintable() else " " if character.isspace() else "□" for character in text)
    return " ".join(seen.split())


def shown(name: str, longest: int = LONGEST) -> str:
    """A name in a list: printable, without its middle where it is long."""
    name, half = printable(name), longest // 2
    if not name:
        return "(no name)"
    return name if len(name) <= longest else f"{name[:half]}…{name[1 - half:]}"
