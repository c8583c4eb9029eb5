"""A refusal: input that psmap will not turn into a number, with the reason and the cure."""


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
        line = self.what
        if self.where:
            line += f" [{self.where}]"
        if self.cure:
            line += f"; cure: {self.cure}"
        return " ".join(line.split())
