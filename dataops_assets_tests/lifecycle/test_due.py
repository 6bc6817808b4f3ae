"""What lies in a store, held against the policies: what is past its term, and what no policy is about."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.lifecycle.due import Findings, look
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.lifecycle.rules import rules
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.trees import STATIONS, Tree

DAY, KEY = "2024-01-01", "staged/readings/date=2024-01-01/data.parquet"
NOW, SHA256 = datetime.now(UTC), "0" * 64


def due(found: Findings) -> dict[str, int]:
    return {heap.place: heap.due for heap in found.heaps if heap.due}


def after(tree: Tree, days: float) -> Findings:
    """What is found so long after everything was written."""
    return look(tree.catalog(), tree.store, NOW + timedelta(days=days))


# In a folder.


def test_what_is_past_its_term_is_due_and_nothing_else(filled: Tree) -> None:
    assert due(after(filled, 0)) == {"landing/readings": 3, "landing/stations": 1}  # dropped in 2024
    kept = {"staged": 2 * 365, "raw": 7 * 365}
    assert "staged/readings" not in due(after(filled, kept["staged"] - 1))
    assert due(after(filled, kept["staged"] + 1)).keys() == {
        "landing/readings",
        "landing/stations",
        "staged/readings",
        "staged/stations",
    }
    assert due(after(filled, kept["raw"] + 1))["raw/readings"] == 6  # three files, three receipts
    for heap in after(filled, 300_000).heaps:
        assert heap.due == (0 if heap.place.startswith("_") else heap.objects), heap.place  # told of forever


def test_a_dataset_that_differs_is_due_by_its_own_term(filled: Tree) -> None:
    filled.edit("readings/defs.yaml", "lifecycle: standard", "lifecycle: {class: standard, staged: 10 days, reason: large}")
    filled.edit("readings/defs.yaml", "staged: 10 days", "staged: 40 days, landing: {forever: we compare}, raw: {forever: too}")
    assert due(after(filled, 41)) == {"landing/stations": 1, "staged/readings": 3}


def test_how_much_is_due_is_told_in_bytes(filled: Tree) -> None:
    [heap] = [heap for heap in after(filled, 0).heaps if heap.place == "landing/stations"]
    assert (heap.objects, heap.bytes, heap.due_bytes) == (1, len(STATIONS), len(STATIONS))


def test_ad_hoc_areas_are_in_their_place_and_end_by_disuse(filled: Tree) -> None:
    new_area(Registry(filled.store), filled.catalog().policy, "a", "lab", "press", NOW, "me")
    for key in ("adhoc/a/0/notes.txt", "trash/adhoc/a/0001/result.parquet"):
        filled.store.write(key, b"x", {})
    found = after(filled, 1000)
    assert found.violations == []
    assert not due(found).keys() & {"adhoc/", "trash/"}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("scratch/x.parquet", "1 object that no policy is about, as scratch/x.parquet"),
        ("notes.txt", "1 object that no policy is about, as notes.txt"),
        ("staged/gone/data.parquet", "1 object of no dataset that is declared, as staged/gone/data.parquet"),
        ("_verdict/x.json", "1 object that no policy is about"),
    ],
)
def test_what_no_policy_is_about_is_against_them(filled: Tree, key: str, told: str) -> None:
    assert after(filled, 0).violations == []
    filled.store.write(key, b"x", {})
    [violation] = after(filled, 0).violations
    assert told in violation.told
    assert "move them to where a policy is about them, or remove them" in violation.remedy


@pytest.mark.parametrize("place", ["adhoc/a/0.txt", "trash/adhoc/a/0001/0.txt"])
def test_an_area_without_a_record_is_told_and_can_be_given_one(filled: Tree, place: str) -> None:
    for key in (place, f"{place}.csv"):
        filled.store.write(key, b"x", {})
    [violation] = after(filled, 0).violations
    assert violation.told == f"{filled.store.where}/adhoc/a: 2 objects of an area without a record, so nothing ends it"
    assert "dataops adhoc new a --owner TEAM --group READERS" in violation.remedy
    new_area(Registry(filled.store), filled.catalog().policy, "a", "lab", "press", NOW, "me")
    assert after(filled, 0).violations == []


def test_a_name_that_no_area_can_have_is_not_proposed(filled: Tree) -> None:
    filled.store.write("adhoc/My Area/0.txt", b"x", {})
    [violation] = after(filled, 0).violations
    assert violation.remedy == "no area can be called so: move what lies there into one that has a record, or remove it"


STRAYS = {
    "raw/readings": ["raw/readings/whatever.tmp", "raw/readings/date=2024-01-01/x.csv", "raw/readings/_deliveries/1.json"],
    "staged/readings": ["staged/readings/date=2024-01-01/data.parquet.bak", "staged/readings/date=2024-01-01/x/data.parquet"],
    "quarantine/readings": ["quarantine/readings/date=2024-01-01/_dropped"],
    "_verdicts/": ["_verdicts/content/readings/date=2024-01-01/notes.txt", "_verdicts/mine/x"],
    "_provenance/": ["_provenance/staged/readings/date=2024-01-01/00000001.json"],
    "_sha256/": ["_sha256/abc/staged/readings/date=2024-01-01/00000001"],
    "gate_results/": ["gate_results/all.parquet"],
    "_deployment/": ["_deployment/dev.json"],
    "_tmp/": ["_tmp/half a thing", "_tmp/deep/x.tmp"],
    "adhoc/": ["adhoc/x.parquet"],
    "trash/": ["trash/x.parquet", "trash/adhoc/a/x.parquet"],
}


@pytest.mark.parametrize("place", STRAYS)
def test_what_lies_astray_where_policies_are_about_other_things_is_told(filled: Tree, place: str) -> None:
    keys = sorted(STRAYS[place])
    for key in keys:
        filled.store.write(key, b"x", {})
    [violation] = after(filled, 0).violations
    count = f"{len(keys)} object{'s' * (len(keys) != 1)}"
    assert violation.told == f"{filled.store.where}/{place}: {count} that nothing of ours is called like, as {keys[0]}"
    assert "move them to an area of your own, or remove them" in violation.remedy


def test_a_dataset_that_is_declared_no_more_leaves_what_nobody_ends(filled: Tree) -> None:
    for file in ("defs.yaml", "schema.py", "examples.yaml", "transform.py"):
        filled.remove(f"daily/{file}")
    filled.store.write("curated/daily/month=2024-01/data.parquet", b"x", {})
    assert ["of no dataset that is declared" in one.told for one in after(filled, 0).violations] == [True]


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("adhoc/b/_area.json", b"", "adhoc/b/_area.json: it is no record of an area any more"),
        ("adhoc/b/_area.json", None, "adhoc/b/_area.json: it is the record of adhoc/a: bring back the one that was there"),
        ("adhoc/b/_area.json/x", b"x", "adhoc/b/_area.json: it is a folder, where the record of an area is: move it away"),
    ],
)
def test_a_record_that_cannot_be_read_is_told_with_a_way_out(tree: Tree, key: str, text: bytes | None, told: str) -> None:
    policy, registry = tree.catalog().policy, Registry(tree.store)
    new_area(registry, policy, "a", "lab", "press", NOW, "me")
    tree.store.write(key, text if text is not None else tree.store.read("adhoc/a/_area.json") or b"", {})
    for holds in (["landing", "prod"], ["dev"]):
        [violation] = look(tree.catalog(), tree.store, NOW, holds).violations
        assert violation.told.startswith(f"{tree.store.where}/{told}")
        assert violation.remedy == (
            "a folder keeps no versions of it: remove it, and run `dataops adhoc new b --owner TEAM --group READERS`"
        )
    tree.store.path(key).unlink()
    if key.endswith("/x"):
        tree.store.path("adhoc/b/_area.json").rmdir()
    new_area(registry, policy, "b", "lab", "press", NOW, "me")
    assert look(tree.catalog(), tree.store, NOW).violations == []


# In what dev and branches share.


def test_areas_are_in_their_place_and_nothing_else_is(tree: Tree) -> None:
    in_place = ["dev/ann/staged/readings/x", "branch/pr-1/x", "trash/branch/pr-1/0001/x", "trash/_write.lock"]
    for key in (*in_place, "raw/readings/x", "_verdicts/x", "dev/x.parquet"):
        tree.store.write(key, b"x", {})
    new_area(Registry(tree.store), tree.catalog().policy, "a", "lab", "press", NOW, "me")
    found = look(tree.catalog(), tree.store, NOW + timedelta(days=1000), ["dev"])
    where = tree.store.where
    assert [one.told for one in found.violations] == [
        f"{where}/_verdicts/: 1 object that no policy is about, as _verdicts/x",
        f"{where}/raw/readings: 1 object that no policy is about, as raw/readings/x",
        f"{where}/dev/: 1 object that nothing of ours is called like, as dev/x.parquet",
    ]
    assert due(found) == {}, "areas end by disuse"


def test_an_area_is_told_to_which_nothing_gives_a_record(tree: Tree) -> None:
    """One of a branch or a person that lies there gets one."""
    for key in ("dev/ann/x", "trash/dev/bob/0001/x", "adhoc/a/x"):
        tree.store.write(key, b"x", {})
    told = {one.told: one.remedy for one in look(tree.catalog(), tree.store, NOW, ["dev"]).violations}
    such, where = "1 object of an area without a record, so nothing ends it", tree.store.where
    assert told.keys() == {f"{where}/{path}: {such}" for path in ("adhoc/a", "trash/dev/bob")}
    assert told[f"{where}/trash/dev/bob: {such}"] == "move what is wanted to dev/bob, and remove the rest"


def test_a_damaged_record_in_a_bucket_is_told(tree: Tree, bucket: Bucket, tmp_path: Path) -> None:
    store = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    put(bucket, tree, "dev")
    store.write("dev/ann/_area.json", b"", {})
    [violation] = look(tree.catalog(), store, NOW, ["dev"]).violations
    assert "dev/ann/_area.json: it is no record of an area any more" in violation.told
    assert "bring that version of it back" in violation.told
    assert violation.remedy.startswith("if no version of it is kept: remove it, and the next use of the area")


def test_the_rules_of_its_bucket_are_compared_with_the_policy(tree: Tree, bucket: Bucket, tmp_path: Path) -> None:
    store = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    put(bucket, tree)
    [violation] = look(tree.catalog(), store, NOW, ["dev"]).violations
    assert "are of no policy" in violation.told
    assert violation.remedy == "have it set anew from `dataops export lifecycle --bucket dev`"
    put(bucket, tree, "dev")
    assert look(tree.catalog(), store, NOW, ["dev"]).violations == []


# In a bucket.


BOTH = ("landing", "prod")


@pytest.fixture
def store(tree: Tree, bucket: Bucket, tmp_path: Path) -> S3:
    """A bucket with one published partition and the rules that the policies ask for."""
    store = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    store.write(KEY, b"x", layout.tags(tree["readings"], "staged"))
    put(bucket, tree)
    return store


def put(bucket: Bucket, tree: Tree, *names: str, leave_out: int = 0) -> None:
    wanted = [rule.as_s3() for rule in rules(tree.catalog(), *(names or BOTH))]
    bucket.client().put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={"Rules": wanted[leave_out:]},  # type: ignore[typeddict-item]
    )


def test_nothing_is_against_a_policy_where_the_bucket_has_its_rules(tree: Tree, store: S3) -> None:
    found = look(tree.catalog(), store, NOW)
    assert (found.violations, found.unknown, due(found)) == ([], [], {})
    assert due(look(tree.catalog(), store, NOW + timedelta(days=731))) == {"staged/readings": 1}


def test_rules_that_differ_are_told(tree: Tree, store: S3, bucket: Bucket) -> None:
    put(bucket, tree, leave_out=2)
    tree.edit("policy.yaml", "doctor: 1 day", "doctor: 2 days")
    [violation] = look(tree.catalog(), store, NOW).violations
    assert "rules are missing or differ, as `_doctor/`" in violation.told
    assert "dataops export lifecycle --bucket landing --bucket prod" in violation.remedy


def test_a_rule_of_no_policy_is_told(tree: Tree, store: S3, bucket: Bucket) -> None:
    """It may end what is to be kept."""
    wanted = [rule.as_s3() for rule in rules(tree.catalog(), *BOTH)]
    quick = {"ID": "quick", "Status": "Enabled", "Filter": {"Prefix": "staged/"}, "Expiration": {"Days": 1}}
    bucket.client().put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={"Rules": [*wanted, quick]},  # type: ignore[typeddict-item,list-item]
    )
    [violation] = look(tree.catalog(), store, NOW).violations
    assert violation.told == f"the bucket {bucket.name}: 1 are of no policy, as `quick`"


def test_a_bucket_without_rules_ends_nothing(tree: Tree, store: S3, bucket: Bucket) -> None:
    bucket.client().delete_bucket_lifecycle(Bucket=bucket.name)
    count = len(rules(tree.catalog(), *BOTH))
    [violation] = look(tree.catalog(), store, NOW).violations
    assert f"{count} of {count} rules are missing or differ" in violation.told


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"lifecycle": "old"}, "its tag lifecycle=old is of no class, so no rule ends it"),
        ({"lifecycle": "standard@3 years"}, "its tag lifecycle=standard@3 years is of no class"),
        ({}, "it has no tag `lifecycle`, so no rule ends it"),
    ],
)
def test_an_object_that_no_rule_ends_is_told(tree: Tree, store: S3, tags: dict[str, str], told: str) -> None:
    for key in (f"raw/readings/date=2024-01-01/{SHA256}.csv", "curated/gone/data.parquet"):
        store.write(key, b"x", tags)
    assert [told in one.told for one in look(tree.catalog(), store, NOW).violations] == [True, True]


def test_the_oldest_object_is_asked_for_its_tags(tree: Tree, store: S3) -> None:
    store.write(f"raw/readings/date=2024-01-01/{SHA256}.csv", b"x", {"lifecycle": "old"})
    time.sleep(1.1)  # a bucket tells whole seconds
    store.write(f"raw/readings/date=2024-01-02/{SHA256}.csv", b"x", {"lifecycle": "standard"})
    store.write(f"raw/readings/date=2023-12-31/{SHA256}.csv", b"x", {"lifecycle": "standard"})
    [violation] = look(tree.catalog(), store, NOW).violations
    assert "lifecycle=old is of no class" in violation.told


def test_an_object_of_a_dataset_that_is_gone_ends_by_its_tags(tree: Tree, store: S3) -> None:
    store.write("curated/gone/data.parquet", b"x", {"lifecycle": "standard"})
    assert look(tree.catalog(), store, NOW).violations == []


def test_what_was_dropped_before_landing_lay_apart_is_told(tree: Tree, store: S3, bucket: Bucket) -> None:
    put(bucket, tree, "prod")
    assert look(tree.catalog(), store, NOW, ["prod"]).violations == []
    store.write("landing/readings/2024-01-01.csv", b"x", {})
    [violation] = look(tree.catalog(), store, NOW, ["prod"]).violations
    assert violation.told.startswith(f"{store.where}/landing/readings: 1 object that no policy is about")


def test_landing_that_lies_apart_has_rules_of_its_own(tree: Tree, bucket: Bucket, tmp_path: Path) -> None:
    apart = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    put(bucket, tree, "landing")
    apart.write("landing/readings/2024-01-01.csv", b"x", {})
    found = look(tree.catalog(), apart, NOW, ["landing"])
    assert (found.violations, found.unknown, due(found)) == ([], [], {})
    assert due(look(tree.catalog(), apart, NOW + timedelta(days=31), ["landing"])) == {"landing/readings": 1}
    apart.write("readings/2024-01-01.csv", b"x", {})
    [violation] = look(tree.catalog(), apart, NOW, ["landing"]).violations
    assert violation.told.startswith(f"{apart.where}/readings/: 1 object that no policy is about")


@pytest.mark.s3
def test_what_a_store_does_not_tell_is_told(tree: Tree, bucket: Bucket, tmp_path: Path) -> None:
    """versitygw knows no lifecycle: 501."""
    store = S3(bucket.name, "", Folder(tmp_path / "cache"), client=bucket.client())
    store.write(KEY, b"x", layout.tags(tree["readings"], "staged"))
    found = look(tree.catalog(), store, NOW)
    assert found.violations == []
    [why] = found.unknown
    assert why.startswith(f"the rules of the bucket {bucket.name}: NotImplemented")
