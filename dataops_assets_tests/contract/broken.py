"""A mistake in a contract, and what must be told of it: what the tests of mistakes share."""

import shutil
from dataclasses import dataclass

import pytest

from dataops_assets.contract import ContractError, Problem
from dataops_assets_tests.trees import Tree

Edit = tuple[str, str, str | None]
"""File, what stands there, what replaces it; an empty `old` stands for the whole file, None in place of `new` removes it."""


@dataclass
class Broken:
    """A mistake.

    Attributes:
        edit: What is done to the good tree.
        says: What the message must say.
        remedy: What the remedy must say.
        at: The line where it is told holds this; None for the line of what was written.
        mended: What the remedy leads to, in place of the mistake; None to leave all as it was in the good tree.
        told_in: The file that is named, if it is another one.
        also: What is done before, and is no mistake.
    """

    edit: Edit
    says: str
    remedy: str
    at: str | None = None
    mended: str | None = None
    told_in: str | None = None
    also: tuple[Edit, ...] = ()


def apply(tree: Tree, edit: Edit) -> None:
    file, old, new = edit
    if new is None:
        tree.remove(file)
    elif old:
        tree.edit(file, old, new)
    else:
        tree.write(file, new)


READINGS, STATIONS, DAILY = "readings/defs.yaml", "stations/defs.yaml", "daily/defs.yaml"
SCHEMA, TRANSFORM, POLICY = "readings/schema.py", "daily/transform.py", "policy.yaml"


def assert_told(tree: Tree, broken: Broken) -> Problem:
    """The mistake is the only one that is told, with file, line and a remedy, and the remedy mends it; what is told."""
    for edit in (*broken.also, broken.edit):
        apply(tree, edit)
    file, _, new = broken.edit

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    assert len(caught.value.problems) == 1, str(caught.value)
    problem = caught.value.problems[0]
    told_in = broken.told_in or file
    at = broken.at if broken.at is not None else (new or "").splitlines()[0].strip()
    line = tree.line(told_in, at.strip()) if (tree.defs / told_in).exists() else 1
    assert (problem.file, problem.line) == (f"defs/{told_in}", line), str(problem)
    assert broken.says in problem.message
    assert broken.remedy in problem.remedy
    assert f"defs/{told_in}:{line}: " in str(caught.value)

    if broken.mended:
        tree.edit(file, new or "", broken.mended)
    else:
        shutil.rmtree(tree.defs)
        tree = Tree(tree.root)
    tree.catalog()
    return problem
