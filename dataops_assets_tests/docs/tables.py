"""The tables of the pages: what they say by hand is what tests compare with."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, first: str) -> list[dict[str, str]]:
    """The rows of the table on a page whose first column has this title, by the titles."""
    lines = (DOCS / page).read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    titles, found = _cells(lines[at]), []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        found.append(dict(zip(titles, _cells(line), strict=True)))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
