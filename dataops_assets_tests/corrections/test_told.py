"""Who looks at a corrected partition is told what was corrected, why and for whom; and which correction has expired."""

from datetime import timedelta
from pathlib import Path

import pytest

from dataops_assets.corrections import id_of
from dataops_assets.observe.findings import findings
from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import describe
from dataops_assets.observe.tally import tally_all
from dataops_assets.observe.why import why_bytes, why_published
from dataops_assets.storage.store import hash_file
from dataops_assets_tests.corrections.entries import correct
from dataops_assets_tests.trees import NOW, STATIONS, Tree

OSLO = {"key": {"station": "oslo"}, "set": {"height": {"from": 94, "to": 95}}, "valid_until": "2024-03-05"}
BODO = {"add": {"station": "bodo", "height": 11}}
LATER = NOW + timedelta(days=30)


@pytest.fixture
def corrected(tree: Tree) -> Tree:
    correct(tree, "stations", OSLO, BODO)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    return tree


def applied(tree: Tree) -> list[str]:
    """What must be told of each correction."""
    ids = [id_of(correction)[:12] for correction in tree["stations"].corrections]
    why = "read wrongly · asked for by lab · the lab's book"
    return [
        f"corrected by {ids[0]} · 1 row · station oslo: height 94 → 95 · {why}",
        f"corrected by {ids[1]} · 1 row · station bodo: added · {why}",
    ]


def test_a_file_leads_to_the_corrections_that_changed_it(corrected: Tree, tmp_path: Path) -> None:
    copy = tmp_path / "found.parquet"
    copy.write_bytes((corrected.root / "data/staged/stations/data.parquet").read_bytes())
    told = why_bytes(corrected.lake, hash_file(copy))
    assert told == why_published(corrected.lake, corrected["stations"], None)
    assert [line.strip() for line in told.splitlines() if "corrected by" in line] == applied(corrected)


def test_a_partition_tells_its_corrections_and_its_rows(corrected: Tree) -> None:
    told = describe_partition(corrected.lake, corrected["stations"], None, NOW)
    assert "rows: delivered 2, published 3, added 1, corrected 1" in told
    assert [line.strip() for line in told.splitlines() if "corrected by" in line] == applied(corrected)


def test_a_dataset_counts_what_was_corrected(corrected: Tree) -> None:
    told = describe(corrected.lake, corrected["stations"], NOW)
    assert "rows in: 2, good: 3, rejected: 0, merged: 0, normalised: 0, corrected: 1, added: 1" in " ".join(told.split())
    assert "expired" not in told


def test_an_expired_correction_is_worth_a_look_and_no_breach(corrected: Tree) -> None:
    dataset = corrected["stations"]
    says = "defs/stations/corrections.yaml:1 was valid until 2024-03-05: what is published stays"
    assert f"an expired correction: {says}" in " ".join(describe(corrected.lake, dataset, LATER).split())
    [found] = findings(corrected.lake, [(dataset, tally_all(corrected.lake, dataset, LATER))], LATER)
    assert (found.unmet, found.told.startswith(f"staged/stations: {says}")) == (False, True)
    assert findings(corrected.lake, [(dataset, tally_all(corrected.lake, dataset, NOW))], NOW) == []


def test_a_correction_that_does_not_fit_is_told_until_it_does(corrected: Tree) -> None:
    def told() -> str:
        return " ".join(describe(corrected.lake, corrected["stations"], NOW).split())

    assert "not corrected" not in told()
    corrected.drop("stations", "stations.csv", STATIONS.replace("94", "95"))
    corrected.run("stations")
    mended = "defs/stations/corrections.yaml:1: station oslo: the provider delivers `height` as 95 now, so it has nothing to do"
    assert f"not corrected: staged/stations: {mended}. Mend the correction, or remove it" in told()
    correct(corrected, "stations", BODO)
    assert "not corrected" not in told()
    corrected.run("stations")
    assert corrected.read("stations").rows_by_key("station", unique=True)["oslo"] == (95,)


def test_one_that_waits_for_its_delivery_fits_as_yet(tree: Tree) -> None:
    correct(tree, "stations", OSLO)
    assert "not corrected" not in describe(tree.lake, tree["stations"], NOW)
