"""A mistake in erasures.yaml is told when the contracts load, with file, line and a way out, as in any declared file."""

from typing import Any

import pytest
import yaml

from dataops_assets.contract import ContractError
from dataops_assets.erasure import CannotTell
from dataops_assets_tests.erasure.asking import KEY, ask, left
from dataops_assets_tests.trees import Tree

PERSON: dict[str, Any] = {
    "request": "readings-1",
    "dataset": "readings",
    "subject": {"note": "0" * 64},
    "key": "0" * 12,
    "reason": "asked for it",
    "requested_by": "lab",
    "due": "2030-01-31",
}
END = {name: value for name, value in PERSON.items() if name not in ("subject", "key")} | {
    "request": "readings-2",
    "partitions": ["2024-01-01", "2024-01-03"],
}
TABLE = END | {"request": "stations-1", "dataset": "stations", "partitions": "all"}


def write(tree: Tree, *entries: dict[str, Any]) -> None:
    tree.write("erasures.yaml", yaml.safe_dump(list(entries), sort_keys=False))


def without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def test_every_shape_loads_and_changes_no_contract(tree: Tree) -> None:
    before = {dataset.name: dataset.version for dataset in tree.lake.catalog}
    write(tree, PERSON, END, TABLE)
    catalog = tree.lake.catalog
    assert [one.name for one in catalog.erasures_of(tree["readings"])] == ["readings-1", "readings-2"]
    assert [one.concerns("2024-01-04") for one in catalog.erasures_of(tree["readings"])] == [True, False]
    assert {dataset.name: dataset.version for dataset in catalog} == before


@pytest.mark.parametrize(
    ("entries", "at", "says", "remedy"),
    [
        ([PERSON | {"dataset": "reading"}], "dataset", "unknown dataset `reading`", "did you mean `readings`?"),
        ([PERSON | {"dataset": "daily"}], "dataset", "`daily` is made here, not delivered", "readings or stations"),
        ([PERSON | {"subject": {"nota": "0" * 64}}], "nota", "delivered without a column `nota`", "`note`"),
        ([PERSON | {"subject": {"note": "Jo Doe"}}], "note", "string should match pattern", "text that fits"),
        ([PERSON | {"requested_by": "lap"}], "requested_by", "unknown owner `lap`", "`lab`"),
        ([without(PERSON, "key")], "request", "`key` is the fingerprint", "as `dataops erase request` does"),
        ([without(PERSON, "subject", "key")], "request", "it is not clear what is erased", "write `partitions`"),
        ([PERSON | {"partitions": "all"}], "request", "it is not clear what is erased", "`subject` with `key`"),
        ([without(PERSON, "due")], "request", "`due` is missing", "add `due: …`"),
        ([PERSON | {"due": "soon"}], "due", "`due` is 'soon'", "a day, as 2027-12-31"),
        ([PERSON | {"request": "Jo Doe"}], "request", "string should match pattern", "text that fits"),
        ([END | {"partitions": "2024-01-01"}], "partitions", "tells not which partitions go", "`[<first>, <last>]`"),
        ([END | {"partitions": ["2024-01-03", "2024-01-01"]}], "partitions", "is before the first", "swap them"),
        ([END | {"partitions": ["2024-01", "2024-02"]}], "partitions", "'2024-01' is no day", "like 2024-01-01"),
        ([END | {"partitions": ["2024-02-30", "2024-03-01"]}], "partitions", "day is out of range", "like 2024-01-01"),
        ([TABLE | {"partitions": ["2024-01-01", "2024-01-01"]}], "partitions", "has no partitions", "write `all`"),
        (
            [END, PERSON | {"request": END["request"]}],
            "request: readings-2",
            "stands in defs/erasures.yaml:1, too",
            "of its own",
        ),
    ],
)
def test_a_mistake_is_told(tree: Tree, entries: list[dict[str, Any]], at: str, says: str, remedy: str) -> None:
    write(tree, *entries)
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    [problem] = caught.value.problems
    lines = (tree.defs / "erasures.yaml").read_text(encoding="utf-8").splitlines()
    assert problem.file == "defs/erasures.yaml"
    assert at in lines[problem.line - 1]
    assert says in problem.message
    assert remedy in problem.remedy


def test_without_its_key_or_with_another_a_request_says_so(tree: Tree) -> None:
    ask(tree)
    for key, says in ((None, "set DATAOPS_ERASURE_KEY"), (KEY[::-1], "is another key")):
        tree.erasure_key = key
        tree.write("touched", "")
        with pytest.raises(CannotTell, match=says) as caught:
            left(tree)
        assert "readings-" in str(caught.value)
        assert KEY.decode() not in str(caught.value)
