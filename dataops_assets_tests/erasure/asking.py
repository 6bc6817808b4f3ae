"""A tree in which somebody is to be erased, and what is done about it: what the tests of erasure share."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from dataops_assets.contract import Erasure
from dataops_assets.erasure.writing import entry_about, entry_of, text_of
from dataops_assets.steps import erasing
from dataops_assets.steps.trace import Trace
from dataops_assets.steps.traces import traces
from dataops_assets.storage.erasures import Gone
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

KEY = b"a secret of thirty-two characters"
WHO = "Jo Doe"
SAID = {"reason": "asked for it", "requested_by": "lab", "due": "2030-01-31"}
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
LATER = NOW + timedelta(hours=1)
THEIRS: list[dict[str, Any]] = [{"note": WHO}, {"note": f" {WHO} ", "temperature": 999}, {"note": "Jo Doering"}]
"""What is changed of the first rows of a day: one is theirs, one is and is rejected, one is another's."""


def with_somebody(tree: Tree) -> Tree:
    """Three days with rows about somebody, run through to the end."""
    tree.erasure_key = KEY
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, *THEIRS))
    tree.run()
    return tree


def ask(tree: Tree, subject: Mapping[str, str] = MappingProxyType({"note": WHO}), dataset: str = "readings") -> Erasure:
    """Write a request about somebody."""
    entry = entry_about(tree[dataset], subject, KEY, SAID)
    tree.write("erasures.yaml", text_of(entry))
    return the_request(tree)


def ask_for_all(tree: Tree, partitions: tuple[str, str] | None, dataset: str = "readings") -> Erasure:
    """Write a request about whole partitions."""
    tree.write("erasures.yaml", text_of(entry_of(tree[dataset], partitions, SAID)))
    return the_request(tree)


def the_request(tree: Tree) -> Erasure:
    [request] = tree.lake.catalog.erasures
    return request


def left(tree: Tree) -> list[Trace]:
    return traces(tree.lake, the_request(tree), NOW, tree.defs)


def kinds(found: list[Trace]) -> dict[str, int]:
    return {kind: sum(trace.kind == kind for trace in found) for kind in sorted({trace.kind for trace in found})}


def carry_out(tree: Tree, removes: bool = True, now: datetime = LATER) -> Gone | None:
    """Redact, run what that makes pending, and take away what is left."""
    request = the_request(tree)
    erasing.redact(tree.lake, request, left(tree), now)
    tree.run(now=now)
    erasing.clean(tree.lake, request, left(tree), removes, now)
    return erasing.prove(tree.lake, request, left(tree), now)


def erase_all(tree: Tree) -> None:
    """The same of a tree that was opened without the key."""
    tree._lake = replace(tree.lake, erasure_key=KEY)
    carry_out(tree)


def files_naming(root: Path, who: str = WHO) -> list[str]:
    """Every file that holds a text, in whatever form: as bytes, or as a value in a table."""

    def holds(path: Path) -> bool:
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += str(pl.read_parquet(content).rows()).encode()
        return who.encode() in content.replace(f"{who}ring".encode(), b"")

    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and holds(path))
