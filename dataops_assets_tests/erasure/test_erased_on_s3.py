"""In a bucket, old versions are named until they are gone: with bucket, key, version and lock, for whoever may remove them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from dataops_assets.deployment import Deployment
from dataops_assets.observe.erasures import as_json, fate, lock_problem
from dataops_assets.steps import erasing
from dataops_assets.steps.traces import in_area, traces
from dataops_assets.storage.bucket import default_lock
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.erasure.asking import DAYS, KEY, WHO, ask, carry_out, kinds, left, the_request, with_somebody
from dataops_assets_tests.killing import InABucket, Place, opened
from dataops_assets_tests.s3_server import Bucket, Server
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


def versions_holding(client: Any, bucket: str, who: str) -> list[str]:
    """Every version of text in a bucket that holds a text."""
    found = client.list_object_versions(Bucket=bucket).get("Versions", ())
    contents = {
        f"{one['Key']} {one['VersionId']}": client.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])[
            "Body"
        ].read()
        for one in found
    }
    return sorted(name for name, content in contents.items() if who.encode() in content.replace(f"{who}ring".encode(), b""))


@pytest.fixture
def held(tmp_path: Path, bucket: Bucket) -> InABucket:
    tree = opened(tmp_path, Place(bucket, "data"))
    assert isinstance(tree, InABucket)
    tree.erasure_key = KEY
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"note": WHO}, {"note": WHO, "temperature": 999}))
    tree.run()
    ask(tree)
    return tree


def test_old_versions_are_named_until_break_glass_has_removed_them(held: InABucket) -> None:
    assert carry_out(held, removes=False) is None
    found = left(held)
    assert kinds(found) == {"landing": 1, "original": 1, "version": 3}  # staged, quarantine, the verdict
    assert held.place
    client, name = held.place.bucket.client(), held.place.bucket.name
    for one in [as_json(the_request(held), trace) for trace in found]:
        if one["kind"] == "landing":
            client.delete_object(Bucket=name, Key=one["key"])
            for version in client.list_object_versions(Bucket=name, Prefix=one["key"]).get("Versions", ()):
                client.delete_object(Bucket=name, Key=one["key"], VersionId=version["VersionId"])
            continue
        assert (one["bucket"], bool(one["version"])) == (name, True), one
        client.delete_object(Bucket=name, Key=one["key"], VersionId=one["version"])
    assert left(held) == []
    assert versions_holding(client, name, WHO) == []
    assert carry_out(held, removes=False)


def test_an_old_version_that_cannot_be_read_is_told_and_what_holds_no_rows_is_not(held: InABucket) -> None:
    store, landed = held.lake.store, f"landing/readings/{DAYS[0]}.csv"
    store.write(landed, b'station,note\n"oslo,' + WHO.encode(), {})
    store.write(landed, readings(DAYS[0]).encode(), {})
    dropped = f"staged/readings/date={DAYS[0]}/_dropped"
    store.write(dropped, b"", {})
    store.remove([dropped])
    told = [trace.told for trace in left(held) if trace.kind == "version" and trace.key == landed]
    assert sorted(one.partition(":")[0] for one in told) == ["2 rows are theirs", "it cannot be read"]
    assert not [trace for trace in left(held) if trace.key == dropped]


def test_nothing_is_proved_by_who_may_not_look_at_old_versions(held: InABucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = held.lake.store
    assert isinstance(store, S3)
    head = store.client.head_object

    def denied(**given: Any) -> Any:
        if "VersionId" in given:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
        return head(**given)

    monkeypatch.setattr(store.client, "head_object", denied)
    store.write(f"landing/readings/{DAYS[0]}.csv", b"", {})
    with pytest.raises(PermissionError, match="s3:GetObject is not allowed"):
        left(held)


def test_a_lock_is_told_with_its_end_and_one_that_is_too_long_is_an_error(tmp_path: Path, moto: Server) -> None:
    name = f"locked-{uuid4().hex[:12]}"
    bucket = Bucket(name, moto, moto.root)
    client = bucket.client()
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    tree = opened(tmp_path, Place(bucket, "data"))
    tree.erasure_key = KEY
    store = tree.lake.store
    assert isinstance(store, S3)
    assert default_lock(store) is None
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 20}}
    client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    tree.drop("stations", "stations.csv", STATIONS)
    tree.receive("stations")
    ask(tree, {"station": "oslo"}, "stations")
    carry_out(tree, removes=False)
    [original] = [trace for trace in left(tree) if trace.kind == "original"]
    assert original.locked_until
    assert timedelta(days=19) < original.locked_until - datetime.now(UTC) < timedelta(days=21)
    assert f"which is locked until {original.locked_until:%Y-%m-%d}" in fate(original, removes=False)
    lock = default_lock(store)
    assert lock == timedelta(days=20)
    request = the_request(tree)
    due = datetime(2030, 1, 31, tzinfo=UTC)
    assert lock_problem(request, lock, due - timedelta(days=30)) == ""
    assert "for 20 days, until after 2030-01-31" in lock_problem(request, lock, due - timedelta(days=10))
    assert lock_problem(request, None, due) == ""


def test_areas_of_others_are_looked_through_and_never_written(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    branch = Tree(tmp_path / "tree")
    with_somebody(branch)
    (shared / "branch").mkdir(parents=True)
    (tmp_path / "tree/data").rename(shared / "branch/pr-1")
    adhoc = shared / "adhoc/mine"
    adhoc.mkdir(parents=True)
    (adhoc / "copy.parquet").write_bytes((shared / f"branch/pr-1/staged/readings/date={DAYS[0]}/data.parquet").read_bytes())
    (adhoc / "notes.txt").write_text("something")
    ask(branch)
    here = Deployment("dev/me", str(shared / "dev/me"), prod=str(tmp_path / "prod"))
    lake = replace(branch.lake, store=here.store, base=Folder(tmp_path / "prod"))
    assert traces(lake, the_request(branch), NOW) == []
    areas = dict(here.areas_of_others())
    assert [store.where for store in areas] == [str(shared / "adhoc/mine"), str(shared / "branch/pr-1")]
    found = [in_area(lake, the_request(branch), store, entries, NOW) for store, entries in areas.items()]
    assert erasing.redact(lake, the_request(branch), [trace for several in found for trace in several], NOW) == []
    told = [[trace.told for trace in several] for several in found]
    assert told[0] == ["1 rows are theirs (object)", "it was put there by other tools (unknown)"]
    assert sum("(delivery)" in one for one in told[1]) == 3
    for store in areas:
        with pytest.raises(PermissionError, match="never writes there"):
            store.create("x", b"", {})
