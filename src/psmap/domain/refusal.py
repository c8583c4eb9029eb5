"""A refusal: input that psmap will not turn into a number, with the reason and the cure."""

LONGEST_WHAT, LONGEST_WHERE = 400, 250
"""Characters of each part of the line."""


class Refused(Exception):
    """Raised wherever going on could give a number that is silently wrong.

    Args:
        what: what is wrong, with the tag or field and its value.
        where: the file, series or column it was found in; base names only, never a patient's name.
        cure: what the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(what, where, cure)

    def __str__(self) -> str:
        line = _shown(self.what, LONGEST_WHAT)
        if self.where:
            line += f" [{_shown(self.where, LONGEST_WHERE)}]"
        if self.cure:
            line += f"; cure: {_shown(self.cure, LONGEST_WHAT)}"
        return line


def _shown(text: str, longest: int) -> str:
    """One line for a terminal, whatever a header held: control characters as \\x1b and the like, a long text cut."""
    line = " ".join(text[: 4 * longest].split())
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
    return line if len(line) <= longest else f"{line[:longest]}…"
