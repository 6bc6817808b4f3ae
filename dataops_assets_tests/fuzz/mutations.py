"""Good files, damaged in the ways in which files get damaged: cut off, overwritten, spliced, lines lost or written twice."""

from hypothesis import settings
from hypothesis import strategies as st

SPLINTERS = (
    b"\0",
    b'"',
    b"'",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{",
    b"[",
    b"}",
    b": ",
    b"*",
    b"&",
    b"!",
    b"9" * 400,
)
"""What means something to one format or another."""


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A good file after one to four mishaps."""
    content = good
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        part, lines = content[start:end], content.split(b"\n")
        line = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["cut", "flip", "insert", "lose", "double", "splice", "lose line", "double line"])):
            case "cut":
                content = content[:end]
            case "flip" if start < len(content):
                flipped = content[start] ^ 1 << draw(st.integers(0, 7))
                content = content[:start] + bytes([flipped]) + content[start + 1 :]
            case "insert":
                content = content[:start] + draw(st.binary(max_size=8) | st.sampled_from(SPLINTERS)) + content[start:]
            case "lose":
                content = content[:start] + content[end:]
            case "double":
                content = content[:end] + part + content[end:]
            case "splice":
                place = draw(st.integers(0, len(content)))
                content = content[:place] + part + content[place + len(part) :]
            case "lose line":
                content = b"\n".join(lines[:line] + lines[line + 1 :])
            case "double line":
                content = b"\n".join([*lines[: line + 1], *lines[line:]])
    return content[: 4 * len(good) + 1000]  # doubling again and again teaches nothing more


def share(part: float) -> settings:
    """A share of the examples that the profile asks for: 1 for what is quick."""
    return settings(max_examples=max(int(settings.default.max_examples * part), 5))  # type: ignore[union-attr]
