"""A branch over the small tree: contracts of its own, and everything that is not its own read from prod.

    branch = Branch.of(filled, "branch/pr-1")
    branch.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.1")
    branch.run()
    branch.read("readings", "2024-01-01")

What it may write, and what not, is up to the deployment, as it is for everyone.
"""

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dataops_assets.deployment import Deployment
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.store import Store
from dataops_assets_tests.trees import Tree

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory, where this machine has one: for thousands of writes, each of which would wait for the disk."""

READ_BY_BRANCHES = ("stations/defs.yaml", "readings/defs.yaml", "daily/defs.yaml")


def let_branches_read(tree: Tree, *files: str) -> Tree:
    """Let branches read datasets through; without any, all of them."""
    for file in files or READ_BY_BRANCHES:
        tree.edit(file, "readers: [analysts, press]", "readers: [analysts, press, branches]")
    return tree


@dataclass
class Branch(Tree):
    """A tree that reads another one through.

    Attributes:
        deployment: Where it reads and writes.
    """

    deployment: Deployment = field(default_factory=lambda: Deployment("local", "nowhere"))

    @classmethod
    def of(cls, prod: Tree, name: str = "branch/pr-1") -> "Branch":
        """A branch with prod's contracts, and nothing of its own yet."""
        shared = prod.root.parent / "shared"
        branch = cls(shared / name, deployment=Deployment(name, str(shared / name / "data"), str(prod.store.root)))
        shutil.rmtree(branch.defs)
        shutil.copytree(prod.defs, branch.defs)
        return branch

    @property
    def lake(self) -> Lake:
        if self._lake is None:
            self._lake = Lake(self.catalog(), self.deployment.store, self.deployment.made_by, self.deployment.base)
        return self._lake

    @property
    def own(self) -> set[str]:
        """The keys of everything that lies in the branch, but locks."""
        return {str(path.relative_to(self.store.root)) for path in self.store.root.rglob("*") if path.suffix != ".lock"}


@dataclass
class Remote(Tree):
    """A tree whose data lies in a bucket.

    Attributes:
        own: What it writes.
        base: What it reads through to.
    """

    own: Store = field(default_factory=lambda: Folder(Path("nowhere")))
    base: Store | None = None

    @property
    def store(self) -> Store:  # type: ignore[override]
        return self.own

    @property
    def lake(self) -> Lake:
        if self._lake is None:
            self._lake = Lake(self.catalog(), self.own, base=self.base)
        return self._lake

    def drop(self, dataset: str, file: str, content: str, written: datetime | None = None) -> None:  # type: ignore[override]
        del written  # a bucket has a clock of its own
        self.own.write(f"{layout.landing(self[dataset])}/{file}", content.encode(), {})


def everything_in(root: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with its inode and the time at which it was written."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            status = (Path(folder) / name).stat()
            found[f"{folder}/{name}"] = status.st_ino, status.st_mtime_ns
    return found
