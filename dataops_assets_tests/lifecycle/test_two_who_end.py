"""Two who end areas of one bucket at once: who is late takes nothing of what was brought back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.expiry import Cap, Expiry
from dataops_assets.lifecycle.registry import Registry
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.lifecycle.test_expiry import TAGS, TERMS
from dataops_assets_tests.s3_server import ONCE, Bucket

NOW = datetime.now(UTC)


def expiry(bucket: Bucket, here: Path) -> Expiry:
    store = S3(bucket.name, "", Folder(here), client=bucket.client(retries=ONCE))
    return Expiry(Registry(store), {"branch": TERMS}, Cap(9, 1), here.name, lambda area, goes_at: None)


@pytest.mark.parametrize("listing", [1, 2])
def test_what_was_brought_back_stays(listing: int, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late, other = (expiry(bucket, tmp_path / name) for name in ("late", "other"))
    registry, store = other.registry, other.registry.store
    registry.make(Area(kind="branch", name="pr-1", owner="lab", used_at=NOW, since=NOW), "lab", "for a test")
    registry.change("branch", "pr-1", lambda area: area.become("closed", NOW, "lab", "done"))
    for number in range(4):
        store.write(f"branch/pr-1/{number}", b"data", TAGS)
    client: Any = late.registry.store.client  # type: ignore[attr-defined]
    listed, asked = client.list_object_versions, 0

    def slow(**given: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == listing:
            assert [one.to for one in other.run(lambda: NOW, act=True)] == ["trashed"]
            registry.change("branch", "pr-1", lambda area: area.become("returning", NOW, "lab", "it is wanted"))
            assert [one.to for one in other.run(lambda: NOW, act=True)] == ["living"]
        return listed(**given, MaxKeys=2)

    monkeypatch.setattr(client, "list_object_versions", slow)
    assert [one.to for one in late.run(lambda: NOW, act=True)] == [None]
    assert sorted(entry.key for entry in store.list("")) == [
        "branch/pr-1/0",
        "branch/pr-1/1",
        "branch/pr-1/2",
        "branch/pr-1/3",
        "branch/pr-1/_area.json",
    ]
