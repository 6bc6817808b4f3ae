"""Pages of the documentation, as the blocks of code that a reader copies out of them.

A block is fenced, or indented by four spaces below a blank line. A comment above it, which the reader does not see, may say
`<!-- not run: why -->` or `<!-- fails: why -->`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_COMMAND = re.compile(r"(cat|cp|dagster|dataops|dg|echo|export|git|make|mkdir|mv|printf|python|rm|sed|source|touch) ")
"""What an indented block begins with, if it is no drawing and no output."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|fails): *(?P<reason>.*?) *-->\n+)?"
    r"(?:^```(?P<language>\w*)\n(?P<fenced>[\s\S]*?)^```$|(?<=\n\n)(?P<indented>(?:^    .*\n|^\n(?=    ))+))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: The file that it is in.
        line: Where it begins, from 1.
        language: What it is written in: `sh`, `python`, `yaml`, `sql`, `json`; empty for drawings and outputs.
        text: What is in it.
        mark: `not run` or `fails`; empty for a block that succeeds.
        reason: Why it is marked.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str
    reason: str

    @property
    def file(self) -> str:
        """The file that the block is about: the path in its first line, if that is a comment."""
        found = re.match(r"# (dataops_assets/\S+\.(?:py|yaml))\n", self.text)
        return found[1] if found else ""


def blocks(path: Path) -> list[Block]:
    """Every block of a page, in order."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        code = match["fenced"] if match["indented"] is None else re.sub("^    ", "", match["indented"], flags=re.MULTILINE)
        language = match["language"] or ("sh" if _COMMAND.match(code) else "")
        line = text[: match.start()].count("\n") + 1
        found.append(Block(path.name, line, language, code, match["mark"] or "", match["reason"] or ""))
    return found
