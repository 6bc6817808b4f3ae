"""What runs do in a branch: prod's deliveries are judged anew where the contract differs, and nothing of prod is changed."""

from pathlib import Path

import polars as pl
import pytest

from dataops_assets.observe.partition import describe_partition
from dataops_assets.observe.status import describe, overview
from dataops_assets.observe.why import why_bytes, why_published
from dataops_assets.storage import layout
from dataops_assets.storage.deliveries import GAP
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.publishing import Contended, drop
from dataops_assets_tests.branches import Branch, everything_in, let_branches_read
from dataops_assets_tests.steps.january import BAD, DAY, DAYS, HOUR, MONTH, left, short_tree, statuses
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

LATER = NOW + HOUR
WARM = {"temperature": 20.5}
STRICT = ("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.1")


@pytest.fixture
def prod(tmp_path: Path) -> Tree:
    """Three days and their month, published in prod; branches may read all of it."""
    tree = let_branches_read(short_tree(tmp_path / "prod"))
    tree.drop("stations", "stations.csv", STATIONS)
    for day in DAYS:
        tree.drop("readings", f"{day}.csv", readings(day))
    assert {outcome.status for outcome in tree.run()} == {"done"}
    return tree


@pytest.fixture
def branch(prod: Tree) -> Branch:
    return Branch.of(prod)


def version(tree: Tree, name: str, partition: str | None = None) -> str | None:
    return tree.lake.version(tree[name].zone, tree[name], partition)


def note(outcomes: list, partition: str | None = DAY) -> str:
    return next(str(outcome.facts["note"]) for outcome in outcomes if outcome.partition == partition)


# With the contracts of prod there is nothing to do.


def test_nothing_is_pending_in_a_branch_with_prods_contracts(branch: Branch) -> None:
    assert left(branch) == {}
    assert branch.run() == []


def test_running_it_all_the_same_does_nothing(branch: Branch) -> None:
    done = [*branch.receive("stations"), *branch.stage("stations"), *branch.receive("readings"), *branch.stage("readings")]
    done += branch.derive("daily")
    assert {outcome.status for outcome in done} == {"done"}
    assert branch.own == set()


def test_what_prod_receives_is_seen_and_nothing_is_left_to_do(prod: Tree, branch: Branch) -> None:
    assert branch.read("readings", DAY)["temperature"].max() == 3.5
    prod.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    prod.run(now=LATER)
    assert branch.read("readings", DAY)["temperature"].max() == WARM["temperature"]
    assert left(branch) == {}


# With a contract of its own.


def test_changed_contract_judges_prods_deliveries_anew_into_the_branch(prod: Tree, branch: Branch) -> None:
    before = everything_in(prod.root)
    branch.edit(*STRICT)
    assert left(branch) == {"raw/readings": DAYS}
    done = branch.run(now=LATER)
    assert {outcome.status for outcome in done} == {"done"}
    assert "its delivery is prod's" in note(
        [outcome for outcome in done if outcome.verdict and outcome.verdict.gate == "content"]
    )
    assert left(branch) == {}
    assert {f"staged/readings/date={day}/data.parquet" for day in DAYS} <= branch.own
    assert not any(key.startswith(("raw/", "landing/", "staged/stations", "curated/")) for key in branch.own)
    assert branch.lake.published(branch["readings"], DAY).depends_on["contract"] == branch["readings"].version
    assert everything_in(prod.root) == before


def test_what_comes_out_with_other_rows_makes_what_is_made_from_it(prod: Tree, branch: Branch) -> None:
    branch.write("daily/transform.py", (branch.defs / "daily/transform.py").read_text().replace(".max()", ".min()"))
    assert left(branch) == {"curated/daily": [MONTH]}
    done = branch.run(now=LATER)
    assert "staged/readings: 0 of its own, 3 from prod; staged/stations: 0 of its own, 1 from prod" in note(done, MONTH)
    assert branch.read("daily", MONTH)["warmest"].min() == 0.5
    assert prod.read("daily", MONTH)["warmest"].min() == 2.5


def test_outcome_says_how_many_partitions_came_from_where(branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    done = branch.run(now=LATER)
    assert "staged/readings: 1 of its own, 2 from prod; staged/stations: 0 of its own, 1 from prod" in note(done, MONTH)


def test_refusals_in_a_branch_leave_prods_version_readable_there_and_say_so(prod: Tree, branch: Branch) -> None:
    branch.edit("readings/schema.py", "le=60", "le=3")  # one row of four breaks it
    branch.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0")
    done = [outcome for outcome in branch.run("readings", now=LATER) if outcome.status == "refused"]
    assert [outcome.partition for outcome in done] == DAYS
    assert done[0].reason.endswith("; what was published before stays")
    assert branch.read("readings", DAY).height == 4
    assert version(branch, "readings", DAY) == version(prod, "readings", DAY)
    assert "a newer delivery was refused by its content gate" in branch.lake.refused_since(branch["readings"], DAY)
    assert prod.lake.refused_since(prod["readings"], DAY) == ""
    assert left(branch) == {}


def test_rejected_rows_of_a_branch_lie_in_the_branch(prod: Tree, branch: Branch) -> None:
    prod.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    prod.run(now=LATER)
    key = layout.data("quarantine", prod["readings"], DAY)
    assert branch.lake.address("quarantine", branch["readings"], DAY) == str(prod.store.path(key))
    branch.edit("readings/schema.py", '"max_value": 23', '"max_value": 99')
    branch.edit("readings/examples.yaml", "hour: 24", "hour: 100")
    branch.run("readings", now=LATER + HOUR)
    assert branch.read("readings", DAY).height == 4
    assert branch.lake.address("quarantine", branch["readings"], DAY) == str(branch.store.path(key))
    assert branch.quarantine("readings", DAY).height == 0  # else prod's rows would be taken for its own
    assert prod.quarantine("readings", DAY).height == 1


def test_rows_that_prods_version_left_behind_stay_beside_those_of_a_refusal(prod: Tree, branch: Branch) -> None:
    prod.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    prod.run(now=LATER)
    branch.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0")
    branch.run("readings", now=LATER + HOUR)
    rows = branch.quarantine("readings", DAY)
    stays = prod.lake.published(prod["readings"], DAY)
    assert rows.height == 2
    assert rows["verdict"].to_list() == [stays.verdict, branch.lake.last_word("content", branch["readings"], DAY).id]


# Deliveries of its own.


def test_delivery_into_a_branch_shadows_prods_for_its_partition_alone(prod: Tree, branch: Branch) -> None:
    before = everything_in(prod.root)
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    assert left(branch) == {"raw/readings": [DAY]}
    done = branch.run("readings", now=LATER)
    assert statuses(done) == {DAY: "done"}
    assert note(done).startswith("replaces the delivery")
    assert branch.read("readings", DAY)["temperature"].max() == WARM["temperature"]
    assert branch.lake.receipt(branch["readings"], DAY).number == 1
    assert branch.lake.receipt(branch["readings"], DAYS[1]).number == 0
    assert [receipt.number for receipt in branch.lake.receipts(branch["readings"], DAY)] == [0, 1]
    assert everything_in(prod.root) == before


def test_what_prod_receives_later_does_not_reach_a_partition_that_was_delivered_here(prod: Tree, branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run(now=LATER)
    for day in DAYS[:2]:
        prod.drop("readings", f"{day}.csv", readings(day, {"temperature": -20}))
    prod.run(now=LATER + HOUR)
    assert left(branch) == {"curated/daily": [MONTH]}
    branch.run(now=LATER + HOUR)
    assert branch.read("readings", DAY)["temperature"].max() == WARM["temperature"]
    assert branch.read("readings", DAYS[1])["temperature"].min() == -20


def test_what_a_branch_has_judged_follows_prods_next_delivery(prod: Tree, branch: Branch) -> None:
    branch.edit(*STRICT)
    branch.run(now=LATER)
    prod.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    prod.run(now=LATER)
    assert left(branch)["raw/readings"] == [DAY]
    branch.run(now=LATER + HOUR)
    assert branch.read("readings", DAY)["temperature"].max() == WARM["temperature"]
    assert left(branch) == {}
    assert version(branch, "daily", MONTH) == version(prod, "daily", MONTH)


def test_refused_delivery_into_a_branch_leaves_prods_version(prod: Tree, branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, *BAD))
    [_, done] = branch.run("readings", now=LATER)
    assert done.status == "refused"
    assert "what was published before stays" in done.reason
    assert version(branch, "readings", DAY) == version(prod, "readings", DAY)
    assert "refused" in describe(branch.lake, branch["readings"], LATER)


def test_gap_that_is_declared_in_a_branch_alone_changes_nothing_that_prod_has_received(prod: Tree, branch: Branch) -> None:
    gaps = "key: [station, day, hour]\n  gaps:\n    - {partition: 2024-01-02, reason: the mast fell}"
    branch.edit("readings/defs.yaml", "key: [station, day, hour]", gaps)
    branch.run(now=LATER)
    published = branch.lake.published(branch["readings"], DAYS[1])
    assert published.rows == 4
    assert published.depends_on["delivery"] != GAP


# References, and datasets that branches may not read.


def test_references_are_looked_up_through(prod: Tree, branch: Branch) -> None:
    branch.edit("stations/schema.py", "ge=0", "ge=50")
    branch.edit("stations/examples.yaml", "height: -1", "height: 49")
    branch.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 0.5")
    branch.run("stations", now=LATER)
    assert branch.read("stations")["station"].to_list() == ["oslo"]
    assert left(branch)["staged/readings"] == DAYS  # what is looked up in is another version here
    [first, *_] = branch.run("readings", now=LATER)
    assert first.verdict.rows.rejected == 2
    assert prod.read("readings", DAY).height == 4


def test_input_that_branches_may_not_read_is_missing_and_told_in_words(prod: Tree) -> None:
    prod.edit("readings/defs.yaml", "press, branches]", "press]")
    prod.edit("daily/defs.yaml", "press, branches]", "press]")
    prod.run()
    branch = Branch.of(prod)
    [refused] = branch.derive("daily")
    assert refused.status == "refused"
    why = "is not published here, and not to be read from prod: `branches` is not among its readers"
    assert refused.reason.startswith(f"staged/readings {DAY} {why}; ")
    assert why in describe_partition(branch.lake, branch["readings"], DAY, NOW)
    assert branch.lake.receipts(branch["readings"], DAY) == []
    assert branch.lake.verdicts("content", branch["readings"], DAY) == []
    sha256 = version(prod, "readings", DAY)
    with pytest.raises(LookupError, match="nothing that was published or received here"):
        why_bytes(branch.lake, sha256)
    assert "0 of its own, 0 from prod" in describe(branch.lake, branch["readings"], NOW)


def test_reference_that_branches_may_not_read_is_missing(prod: Tree) -> None:
    prod.edit("stations/defs.yaml", "press, branches]", "press]")
    for name in ("readings", "daily"):
        prod.edit(f"{name}/defs.yaml", "press, branches]", "press]")
    prod.run()
    branch = Branch.of(prod)
    with pytest.raises(Exception, match="staged/stations is not published here, and not to be read from prod"):
        branch.stage("readings")


# What is dropped.


def test_dropped_partition_is_hidden_downstream_until_it_is_made_again(prod: Tree, branch: Branch) -> None:
    before = everything_in(prod.root)
    drop(branch.lake, branch["readings"], DAY)
    assert version(branch, "readings", DAY) is None
    [refused] = branch.derive("daily")
    told = f"staged/readings {DAY} was dropped here: run staged/readings for it to make it again"
    assert refused.reason == told
    assert left(branch) == {}, "what somebody dropped is not made again unasked"
    assert "2 from prod, 1 dropped" in describe(branch.lake, branch["readings"], LATER)
    assert told in describe_partition(branch.lake, branch["readings"], DAY, LATER)
    assert {outcome.status for outcome in branch.stage("readings", DAY, now=LATER)} == {"done"}
    assert version(branch, "readings", DAY) == version(prod, "readings", DAY)
    assert layout.data("staged", branch["readings"], DAY) in branch.own
    assert {outcome.status for outcome in branch.derive("daily", now=LATER)} == {"done"}
    assert everything_in(prod.root) == before


def test_own_partition_is_dropped_too_and_prods_does_not_come_back(prod: Tree, branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run(now=LATER)
    drop(branch.lake, branch["readings"], DAY)
    assert version(branch, "readings", DAY) is None
    branch.stage("readings", DAY, now=LATER)
    assert branch.read("readings", DAY)["temperature"].max() == WARM["temperature"]
    drop(branch.lake, branch["readings"], DAY)
    assert version(branch, "readings", DAY) is None


def test_dropped_partition_of_a_product_is_made_again_from_prods_inputs(prod: Tree, branch: Branch) -> None:
    drop(branch.lake, branch["daily"], MONTH)
    assert version(branch, "daily", MONTH) is None
    [done] = branch.derive("daily")
    assert done.version == version(prod, "daily", MONTH)


def test_dropping_what_is_nowhere_is_refused_and_says_why(prod: Tree, branch: Branch) -> None:
    with pytest.raises(LookupError, match="only a branch or dev deployment drops partitions"):
        drop(prod.lake, prod["readings"], DAY)
    drop(branch.lake, branch["readings"], DAY)
    with pytest.raises(LookupError, match=f"staged/readings {DAY} was dropped here"):
        drop(branch.lake, branch["readings"], DAY)
    other = Branch.of(prod, "branch/pr-2")
    assert version(other, "readings", DAY) == version(prod, "readings", DAY), "a drop is of one branch alone"


# What is told.


def test_why_follows_the_chain_from_a_branch_to_prods_deliveries(prod: Tree, branch: Branch) -> None:
    branch.write("daily/transform.py", (branch.defs / "daily/transform.py").read_text().replace(".max()", ".min()"))
    branch.run(now=LATER)
    told = why_published(branch.lake, branch["daily"], MONTH)
    assert f"lies in {branch.store.path(layout.data('curated', branch['daily'], MONTH))}" in told
    assert f"lies in {prod.store.path(layout.data('staged', branch['stations'], None))}" in told
    assert "a delivery by The lab" in told
    assert "its envelope gate passed it" in told
    day = why_published(branch.lake, branch["readings"], DAY)
    assert day == why_published(prod.lake, prod["readings"], DAY)


def test_why_explains_prods_version_where_the_branch_has_a_delivery_of_its_own(prod: Tree, branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run(now=LATER)
    told = why_bytes(branch.lake, version(prod, "readings", DAY))
    assert f"{DAY}.csv" in told
    assert told.splitlines()[0].endswith("replaced since")
    assert "in place of" not in why_published(branch.lake, branch["readings"], DAY)


def test_status_tells_what_is_its_own(prod: Tree, branch: Branch) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run("readings", now=LATER)
    assert f"what is not there is read from {prod.store.where}" in overview(branch.lake, LATER)
    told = describe(branch.lake, branch["readings"], LATER)
    assert "staged/readings: 1 of its own, 2 from prod" in told
    assert "deliveries received: 4, the newest for 2024-01-01" in told
    own = describe_partition(branch.lake, branch["readings"], DAY, LATER)
    assert own.count("received in prod 2024-03-01 12:00:00 UTC") == 1
    assert own.count("received 2024-03-01 13:00:00 UTC") == 1
    assert own.count(" · this one counts") == 1
    assert "in prod at" in own
    assert str(branch.store.root) in own
    assert str(prod.store.path("staged")) in describe_partition(branch.lake, branch["readings"], DAYS[1], LATER)
    assert "from prod" not in describe(prod.lake, prod["readings"], LATER)
    assert "in prod" not in describe_partition(prod.lake, prod["readings"], DAY, LATER)


def test_rows_are_read_without_us_from_where_status_says(branch: Branch) -> None:
    place = branch.lake.address("staged", branch["readings"], DAY)
    assert pl.read_parquet(place, hive_partitioning=False).equals(branch.read("readings", DAY))


def test_what_prod_rejects_later_is_not_taken_for_rejected_by_a_branch_that_has_judged_its_own(
    prod: Tree, branch: Branch
) -> None:
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run(now=LATER)
    prod.drop("readings", f"{DAY}.csv", readings(DAY, *BAD))
    prod.run(now=LATER + HOUR)
    assert branch.lake.provenance("quarantine", branch["readings"], DAY) is None
    assert left(branch) == {}


def test_what_is_published_while_it_is_dropped_stays(prod: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    branch = Branch.of(prod)
    branch.drop("readings", f"{DAY}.csv", readings(DAY, WARM))
    branch.run(now=LATER)
    real, left = Folder.create, [True]

    def create(self: Folder, key: str, *more: object) -> None:
        real(self, key, *more)  # type: ignore[arg-type]
        if key.endswith("/_dropped") and left:
            left.pop()
            branch.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 25}))
            branch.receive("readings", DAY, now=LATER + HOUR)
            assert statuses(branch.stage("readings", DAY, now=LATER + HOUR)) == {DAY: "done"}

    monkeypatch.setattr(Folder, "create", create)
    with pytest.raises(Contended, match="was published again meanwhile, and stays: drop it again"):
        drop(branch.lake, branch["readings"], DAY)
    assert branch.read("readings", DAY)["temperature"].max() == 25
    drop(branch.lake, branch["readings"], DAY)
    assert branch.lake.published(branch["readings"], DAY) is None


def test_what_prod_rejected_goes_with_the_partition_that_is_dropped(prod: Tree) -> None:
    prod.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 99}))
    prod.run(now=LATER)
    branch = Branch.of(prod)
    assert branch.lake.provenance("quarantine", branch["readings"], DAY)
    drop(branch.lake, branch["readings"], DAY)
    assert branch.lake.provenance("quarantine", branch["readings"], DAY) is None
