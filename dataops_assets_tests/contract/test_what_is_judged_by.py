"""Which attributes reopen what was judged: all on which a verdict depends, what is published, or its record, and no others."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from dataops_assets.contract import Partitions
from dataops_assets.contract.model import NOT_JUDGED, DerivedAttributes, IngestedAttributes, Source
from dataops_assets.gate.verdict import Gate
from dataops_assets.observe import plan
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

READINGS, DAILY = "readings/defs.yaml", "daily/defs.yaml"
DAYS = ("2024-01-02", "2024-01-03")
ANOTHER = "its contract is another"
GATES: tuple[Gate, ...] = ("envelope", "content")
IN_PARTS = {"partitions": Partitions, "source": Source}


@dataclass
class Edit:
    """Another value of an attribute.

    Attributes:
        old, new: What stands in the contract, and what takes its place.
        file: Whose contract.
        also: What must change with it.
    """

    old: str
    new: str
    file: str = READINGS
    also: tuple[str, str, str] | None = None


def more(said: str) -> tuple[str, str]:
    """An attribute more, after the first."""
    return "owner: lab", f"owner: lab\n  {said}"


EDITS = {
    "description": Edit("description: One hour", "description: An hour"),
    "owner": Edit("owner: lab", "owner: crew"),
    "readers": Edit("readers: [analysts, press]", "readers: [analysts, press, branches]", file="stations/defs.yaml"),
    "lifecycle": Edit("lifecycle: standard", "lifecycle: {class: standard, raw: 8 years, reason: audits}"),
    "classification": Edit("classification: public", "classification: internal", file=DAILY),
    "partitions.every": Edit("every: month, start: 2024-01, end: 2024-01", "every: year, start: 2024, end: 2024", file=DAILY),
    "partitions.start": Edit("start: 2024-01-01", "start: 2024-01-02"),
    "partitions.end": Edit("end: 2024-01-20", "end: 2024-01-22"),
    "partitions.timezone": Edit("Europe/Oslo", "Europe/Paris", also=(DAILY, "Europe/Oslo", "Europe/Paris")),
    "partitions.columns": Edit("columns: [day]", "columns: []"),
    "key": Edit("key: [station, day, hour]", "key: [day, station, hour]"),
    "references": Edit("dataset: stations}", "dataset: stations, to: [station]}"),
    "rules": Edit(*more("rules: {noted: warn}")),
    "tolerance": Edit("tolerance: 0.5", "tolerance: 0.4"),
    "due": Edit(*more("due: 1 day")),
    "ends": Edit(*more("ends: {after: 2024-12-31, instead: stations}")),
    "accepted": Edit(*more("accepted: [{partition: 2024-01-19, reason: a storm}]")),
    "source.provider": Edit("provider: The lab", "provider: Someone"),
    "source.files": Edit('files: "{partition}.csv"', 'files: "{partition}*.csv"'),
    "source.complete": Edit("    rows: [0.5, 2]", "    rows: [0.5, 2]\n    complete: {quiet: 1}"),
    "source.null_values": Edit("    rows: [0.5, 2]", '    rows: [0.5, 2]\n    null_values: ["", x]'),
    "source.separator": Edit("    rows: [0.5, 2]", '    rows: [0.5, 2]\n    separator: ";"'),
    "source.deliveries": Edit("    rows: [0.5, 2]", "    rows: [0.5, 2]\n    deliveries: measured"),
    "source.rows": Edit("    rows: [0.5, 2]", "    rows: [0.5, 3]"),
    "source.since": Edit("    rows: [0.5, 2]", "    rows: [0.5, 2]\n    since: {note: 2024-01-05}"),
    "gaps": Edit(*more("gaps: [{partition: 2024-01-19, reason: the mast fell}]")),
    "inputs": Edit("inputs: [readings, stations]", "inputs: [stations, readings]", file=DAILY),
    "declassified": Edit(*more("declassified: nobody can tell a place from it"), file=DAILY),
    "chart": Edit(*more("chart: {x: day, y: warmest, title: Warm}"), file=DAILY),
}
"""One for each attribute that there is."""
OWN_PARTITION = {
    "gaps": [
        "raw/readings: 1 day, 2024-01-19: it was never judged",
        "staged/readings: 1 day, 2024-01-19: after it was received",
    ]
}


def attributes(model: type[BaseModel], parts: dict[str, type[BaseModel]], below: str = "") -> Iterator[str]:
    """The attributes of a model, those of its parts each by itself."""
    for name in model.model_fields:
        if name in parts:
            yield from attributes(parts[name], {}, f"{name}.")
        else:
            yield below + name


def written(root: Path) -> Tree:
    tree = Tree(root)
    crew = "owners:\n  crew: {description: Flies., contact: crew@example.com}\n"
    tree.edit("policy.yaml", "owners:\n", crew)
    return tree


def edited(tree: Tree, edit: Edit) -> Tree:
    for file, old, new in filter(None, ((edit.file, edit.old, edit.new), edit.also)):
        tree.edit(file, old, new)
    return tree


def judged(tree: Tree) -> Tree:
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day, {"station": "nowhere"}, {"temperature": None}))
    tree.run("stations", "readings")
    return tree


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return judged(written(tmp_path_factory.mktemp("before")))


def test_every_attribute_is_decided_on() -> None:
    every = {name for model in (IngestedAttributes, DerivedAttributes) for name in attributes(model, IN_PARTS)}
    assert every == set(EDITS), (
        "say here how it is edited; if no verdict depends on it, nor what is published, nor its record, put it into "
        "`NOT_JUDGED` of dataops_assets/contract/model.py"
    )
    assert every >= NOT_JUDGED


@pytest.mark.parametrize("name", EDITS)
def test_an_attribute_reopens_what_was_judged_only_if_something_depends_on_it(before: Tree, tmp_path: Path, name: str) -> None:
    tree = edited(written(tmp_path), EDITS[name])
    shutil.copytree(before.root / "data", tmp_path / "data")
    versions = {dataset.name: dataset.version for dataset in before.catalog()}
    changed = [dataset.name for dataset in tree.catalog() if dataset.version != versions[dataset.name]]
    told = [str(one) for one in plan.planned(tree.lake, list(tree.lake.catalog), NOW)]

    assert bool(changed) == (name not in NOT_JUDGED)
    if name in NOT_JUDGED:
        assert told == OWN_PARTITION.get(name, [])
    elif "readings" in changed and name != "source.deliveries":  # where nothing lies
        assert f"raw/readings: 2 days, 2024-01-02 to 2024-01-03: {ANOTHER}" in told


@pytest.mark.parametrize("name", sorted(name for name in NOT_JUDGED if EDITS[name].file == READINGS))
def test_what_does_not_reopen_is_judged_and_made_alike(before: Tree, tmp_path: Path, name: str) -> None:
    after = judged(edited(written(tmp_path), EDITS[name]))
    assert said(after) == said(before)


def said(tree: Tree) -> list[object]:
    """Every verdict as it is kept, and the hash of what was published and rejected."""
    lake, dataset = tree.lake, tree["readings"]
    verdicts = [one for day in DAYS for gate in GATES for one in lake.verdicts(gate, dataset, day)]
    assert len(verdicts) == len(DAYS) * len(GATES)
    return [verdicts, [lake.version(zone, dataset, day) for zone in ("staged", "quarantine") for day in DAYS]]
