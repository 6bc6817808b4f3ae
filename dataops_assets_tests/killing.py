"""A run of the small tree that is killed by SIGKILL at a chosen write, as a process of its own.

Not in a test module, so that the server that makes the processes can load it once, before it copies itself.
"""

import multiprocessing
import os
import signal
from datetime import timedelta
from itertools import count
from pathlib import Path

from dataops_assets.storage.folder import Folder
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = ["2024-01-01", "2024-01-02"]
LATER = NOW + timedelta(hours=1)
REJECTED = {"hour": 99}


def opened(root: Path) -> Tree:
    """The tree in a folder, whose month has two days."""
    tree = Tree(root)
    tree.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-02")
    return tree


def redelivered(root: Path) -> Tree:
    """A tree in which all is published, of which the stations and two days were delivered anew: the second is refused."""
    tree = opened(root)
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, REJECTED))
    assert {outcome.status for outcome in tree.run()} == {"done"}
    tree.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"temperature": 9}, REJECTED))
    tree.drop("readings", f"{DAYS[1]}.csv", readings(DAYS[1], *[REJECTED] * 4))
    return tree


def run_until(root: Path, point: int | None) -> int:
    """Do what is pending, and die at one of the points: each write has one before it can be seen, and one after.

    Returns:
        How many points there are.
    """
    points, real = count(1), Folder._place

    def pass_by(path: Path | None = None) -> None:
        if next(points) == point:
            if path:
                os.truncate(path, path.stat().st_size // 2)  # as if it had been written half
            os.kill(os.getpid(), signal.SIGKILL)

    def place(self: Folder, draft: Path, key: str) -> None:
        pass_by(draft)
        real(self, draft, key)
        pass_by()

    Folder._place = place  # type: ignore[method-assign]
    try:
        opened(root).run(now=LATER)
    finally:
        Folder._place = real  # type: ignore[method-assign]
    return next(points) - 1


def kill_at(root: Path, point: int) -> None:
    """Do what is pending in a process that dies at a point."""
    # Of a process that has threads already, no copy can be made.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", __name__])
    killed = processes.Process(target=run_until, args=(root, point))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
