"""A branch reads of prod what prod has published for branches, whatever the branch's own contracts say."""

import json
from pathlib import Path

import pytest

from dataops_assets.storage.errors import Withheld
from dataops_assets.storage.lake import NotPublished
from dataops_assets_tests.branches import Branch, let_branches_read
from dataops_assets_tests.steps.january import DAY, DAYS, MONTH, short_tree, statuses
from dataops_assets_tests.trees import STATIONS, Tree, readings

WARM = {"temperature": 20.5}


@pytest.fixture
def prod(tmp_path: Path) -> Tree:
    """Three days and their month, published in prod; of these, branches may read the stations alone."""
    prod = short_tree(tmp_path / "prod")
    let_branches_read(prod, "stations/defs.yaml")
    prod.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        prod.drop("readings", f"{day}.csv", readings(day))
    assert {outcome.status for outcome in prod.run()} == {"done"}
    return prod


@pytest.fixture
def curious(prod: Tree) -> Branch:
    """A branch that has added `branches` to readers for whom prod has published nothing."""
    curious = Branch.of(prod)
    let_branches_read(curious, "readings/defs.yaml", "daily/defs.yaml")
    return curious


WITHHELD = "prod has published it for analysts, press: `branches` is not among its readers there"


def test_readers_that_a_branch_has_added_open_nothing_of_prod(curious: Branch) -> None:
    with pytest.raises(NotPublished, match=f"2024-01-01 is not published here, and not to be read from prod: {WITHHELD}"):
        curious.read("readings", DAY)
    assert curious.lake.published(curious["daily"], MONTH) is None
    receipt = curious.lake.receipt(curious["readings"], DAY)
    assert receipt
    with pytest.raises(Withheld, match=f"is not read: {WITHHELD}"):
        curious.lake.delivered(curious["readings"], DAY, receipt.files[0].sha256)


def test_run_in_such_a_branch_says_so_and_makes_what_is_delivered_to_it(curious: Branch) -> None:
    curious.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    done = curious.receive("readings")
    assert statuses(done) == {DAY: "done", DAYS[1]: "refused", DAYS[2]: "refused"}
    assert WITHHELD in done[1].reason
    assert statuses(curious.stage("readings", DAY)) == {DAY: "done"}
    assert curious.read("readings", DAY)["temperature"].max() == WARM["temperature"]


def test_what_was_published_before_readers_were_recorded_is_read_as_the_contract_says(curious: Branch) -> None:
    prod = Path(curious.deployment.prod or "")
    for path in (prod / "_provenance").rglob("*.json"):
        said = json.loads(path.read_text())
        assert said["readers"]
        before = {name: value for name, value in said.items() if name != "readers"}
        path.write_text(json.dumps(before))
    assert curious.read("readings", DAY).height > 0


def test_where_prod_has_only_received_under_its_new_readers_a_branch_waits_for_it_day_by_day(prod: Tree) -> None:
    let_branches_read(prod, "readings/defs.yaml", "daily/defs.yaml")
    assert set(statuses(prod.receive("readings")).values()) == {"done"}
    branch = Branch.of(prod)
    done = branch.stage("readings")
    assert statuses(done) == dict.fromkeys(DAYS, "refused")
    assert all(WITHHELD in outcome.reason for outcome in done)
