"""Records of what was published: read while somebody writes them."""

import pytest

from dataops_assets.gate.verdict import digest
from dataops_assets.storage import layout, provenance
from dataops_assets_tests.trees import Tree, readings

DAY = "2024-01-01"


def test_record_that_was_not_there_yet_is_found_later(filled: Tree) -> None:
    """Who asks between the two writes, the key that leads to a record and the record, is not told the same forever."""
    made = filled.lake.published(filled["readings"], DAY)
    assert made
    other = made.model_copy(update={"sha256": "0" * 64})
    below = layout.provenance("staged", filled["readings"], DAY)
    filled.store.create(provenance.leading_to(f"{below}/{other.number:08}-{other.sha256}.json"), b"", {})
    assert provenance.records_of(filled.store, other.sha256, filled.lake.catalog.datasets) == []
    provenance.record(filled.store, filled["readings"], other)
    assert provenance.records_of(filled.store, other.sha256, filled.lake.catalog.datasets) == [other]


def test_version_that_was_replaced_is_not_damage(filled: Tree) -> None:
    made = filled.lake.published(filled["readings"], DAY)
    assert made
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 9}))
    filled.run("readings")
    with pytest.raises(FileNotFoundError, match="another version"):
        filled.lake.read("staged", filled["readings"], DAY, made.sha256)


def test_record_tells_what_the_gate_found_and_an_older_one_keeps_its_commit(filled: Tree) -> None:
    filled.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    filled.run("readings")
    made = filled.lake.published(filled["readings"], DAY)
    assert made
    assert made.broken == {"hour.in_range": 1}
    older = {name: value for name, value in made.model_dump(mode="json").items() if name not in ("broken", "readers", "commit")}
    assert provenance.Provenance.model_validate(older).commit == digest(older)
