"""What the files that make roles of PostgreSQL say, statement by statement: read as it is written, to be compared.

What a role may do in the end only a server decides, and a test asks one (docs/access.md). Here each right that is granted or
revoked is taken apart: role, what it is on, right. All else that stands in a file, whatever it is, is kept as text, so that no
change goes unseen. Not here: what a change means (`observe.beside`).

Source: PostgreSQL, "GRANT" and "REVOKE".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from dataops_assets.policy.refused import Refused

_FOLDER = "deploy/postgres"
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_RIGHT = re.compile(
    r"\b(?P<verb>GRANT|REVOKE) (?P<rights>[\w ,]+?)(?: ON (?P<on>[^;']+?))? (?:TO|FROM) (?P<roles>[\w%]+(?:, ?[\w%]+)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Right:
    """A right that a statement grants or revokes.

    Attributes:
        verb: Which of both.
        role: Whose; `%I` where the file puts in one after the other.
        right: As `SELECT`, or the role that he becomes a member of.
        on: As `ALL TABLES IN SCHEMA public`; empty where it is a membership.
    """

    verb: Literal["GRANT", "REVOKE"]
    role: str
    right: str
    on: str


def read_statements(folder: Path) -> tuple[Right | str, ...]:
    """What the files of a folder say, in their order: rights, and the text around them; nothing, if there are none.

    Raises:
        Refused: Something else is in the folder.
    """
    return tuple(_statements(folder))


def _statements(folder: Path) -> Iterator[Right | str]:
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix != ".sql" or not file.is_file():
            message = "it is not read here, and `psql` runs a file of any name"
            raise Refused(f"{_FOLDER}/{file.name}", "", "", message, "say it in a file that is called *.sql, or take it away")
        text = file.read_text(encoding="utf-8")
        # Beside comments in /* */, a line that begins with -- may end one, and go on with a statement.
        for statement in (text if "/*" in text else _COMMENT.sub("", text)).split(";"):
            one = " ".join(statement.split())
            if left := _RIGHT.sub("", one).strip():  # what leads to a right stands before it
                yield left
            for found in _RIGHT.finditer(one):
                yield from _rights(found)


def _rights(found: re.Match[str]) -> Iterator[Right]:
    verb: Literal["GRANT", "REVOKE"] = "GRANT" if found["verb"].upper() == "GRANT" else "REVOKE"
    first, *others = (found["on"] or "").split(",")
    kind = first.rpartition(" ")[0]  # it stands before the first alone: the b of `SCHEMA a, b` is no table
    places = [first, *(f"{kind} {other.strip()}" for other in others)]
    for role, right, on in product(found["roles"].split(","), found["rights"].split(","), places):
        yield Right(verb, role.strip(), right.strip().upper() if on else right.strip(), on.strip())
