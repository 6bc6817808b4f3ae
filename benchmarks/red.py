"""From a broken delivery to a red gate, and from a good one to a green: seconds, for each fault that is refused.

    python benchmarks/red.py [FAULT …]

Webserver and daemon run as with `make dev`, over all contracts of the sample and nine days of flights, on an instance apart.
"""

import contextlib
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from dataops_assets.cli import sample
from dataops_assets.cli.faults import FAULTS, NO_FAULT, Fault
from dataops_assets.components.dagster_private import checked_partitions
from dataops_assets.storage.folder import Folder
from dataops_assets_tests.checkout import PROJECT, Checkout, serving

DAYS = [f"2013-01-{day:02}" for day in range(1, 10)]
LET_PASS = ("extra-column", "reordered-columns", "duplicate-rows")
CHECKS = [
    dg.AssetCheckKey(dg.AssetKey(["raw", "flights"]), "envelope"),
    dg.AssetCheckKey(dg.AssetKey(["staged", "flights"]), "content"),
]
PATIENCE_SECONDS = 300


def main() -> None:
    faults = sys.argv[1:] or [name for name in FAULTS if name not in LET_PASS]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        here = project(Path(folder))
        with serving(here, "dagster", "dev"), dg.DagsterInstance.from_config(folder) as instance:
            # Until the daemon is at work, too.
            turned(here, instance, FAULTS["renamed-column"], red)
            turned(here, instance, NO_FAULT, green)
            for name in faults:
                seconds = turned(here, instance, FAULTS[name], red), turned(here, instance, NO_FAULT, green)
                print(f"{name:18} red after {seconds[0]:5.1f} s, healed after {seconds[1]:5.1f} s", flush=True)


def project(folder: Path) -> Checkout:
    """The project's code beside data of its own, in which all that was delivered is published."""
    here = Checkout(folder)
    (folder / "dataops_assets").symlink_to(PROJECT / "dataops_assets")
    for file in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / file, folder)
    for name, day in [*((name, None) for name in sample.REFERENCES), *itertools.product(["flights"], DAYS)]:
        deliver(here, name, day, NO_FAULT)
    here.run("dataops", "run", "flights", *sample.REFERENCES)  # it fails: days are missing
    assert len(list(folder.glob("data/staged/flights/*"))) == len(DAYS)
    return here


def deliver(here: Checkout, name: str, day: str | None, fault: Fault) -> None:
    for file, content in sample.deliveries(name, day, fault):
        Folder(here.root / "data").write(f"landing/{name}/{file}", content, {})


def turned(here: Checkout, instance: dg.DagsterInstance, fault: Fault, so: Callable[[dg.DagsterInstance], bool]) -> float:
    """Seconds from a delivery of the last day until its checks say so."""
    deliver(here, "flights", DAYS[-1], fault)
    began = time.monotonic()
    while not so(instance):
        if time.monotonic() > began + PATIENCE_SECONDS:
            sys.exit(f"the checks have not turned after {PATIENCE_SECONDS} s: {fault.told}")
        time.sleep(0.2)
    return time.monotonic() - began


def red(instance: dg.DagsterInstance) -> bool:
    return any(checked_partitions(instance, check).get(DAYS[-1]) is False for check in CHECKS)


def green(instance: dg.DagsterInstance) -> bool:
    return all(checked_partitions(instance, check).get(DAYS[-1]) for check in CHECKS)


if __name__ == "__main__":
    main()
