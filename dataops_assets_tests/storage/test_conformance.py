"""A store that does what publishing relies on passes the probe; one that does not is refused, and the law is named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import ClassVar

import pytest

from dataops_assets.storage.conformance import ETAG, HASHED, KEPT, LISTED, ONE_WINNER, Conformance, probe
from dataops_assets.storage.errors import Lost, Unreachable
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Entry, Store, Tags, anyone
from dataops_assets_tests.fault_proxy import Exchange, FaultProxy, Request, forward
from dataops_assets_tests.s3_server import ONCE, Bucket

WRITERS, ROUNDS = 8, 3


def stores_of(bucket: Bucket, here: Path, in_parts: bool = False) -> Callable[[], Store]:
    return lambda: S3(bucket.name, "dev/me", Folder(here), client=bucket.client(retries=ONCE), in_parts=in_parts)


def broken_laws(found: Conformance) -> dict[tuple[str, str], int]:
    return {(breach.law, breach.act): breach.rounds for breach in found.breaches}


def test_a_folder_is_good(tmp_path: Path) -> None:
    seen: list[None] = []
    found = probe(lambda: Folder(tmp_path), rounds=ROUNDS, after_round=lambda: seen.append(None))
    assert found == Conformance(writers=32, rounds=ROUNDS, breaches=(), left="")
    assert len(seen) == ROUNDS


@pytest.mark.s3
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_bucket_is_good(bucket: Bucket, tmp_path: Path, in_parts: bool) -> None:
    found = probe(stores_of(bucket, tmp_path, in_parts), rounds=ROUNDS)
    assert found == Conformance(writers=32, rounds=ROUNDS, breaches=(), left="")
    assert "Contents" not in bucket.client().list_objects_v2(Bucket=bucket.name)


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    Folder(tmp_path).create("staged/a", b"1", {})
    before = sorted(tmp_path.rglob("*"))
    probe(lambda: Folder(tmp_path), rounds=2, writers=WRITERS)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_may_not_be_removed_is_told(tmp_path: Path) -> None:
    found = probe(lambda: Folder(tmp_path), rounds=2, writers=WRITERS, remove=False)
    assert found.left.startswith("_doctor/")
    assert len(list(Folder(tmp_path).list(found.left))) == 2


def test_it_writes_below_a_prefix_of_its_own(tmp_path: Path) -> None:
    written = []
    probe(lambda: Folder(tmp_path, permit=written.append), rounds=2, writers=WRITERS)
    assert len({tuple(key.split("/")[:2]) for key in written}) == 1
    assert {key.split("/")[0] for key in written} == {"_doctor"}


class Careless(Folder):
    """Ignores the condition."""

    def _create(self, key: str, draft: Path, tags: Tags) -> None:
        self._write(key, draft, tags)

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        self._write(key, draft, tags)


class Hasty(Folder):
    """Once, of all the rounds, two win: they both looked before either wrote."""

    forgiven: ClassVar[set[str]] = set()
    lock = Lock()

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        with self.lock:
            try:
                super()._replace(key, draft, seen, tags, commit)
            except Lost:
                if key in self.forgiven or not key.endswith("1"):
                    raise
                self.forgiven.add(key)
                self._write(key, draft, tags)


class Forgetful(Folder):
    """Says yes to the first who replaces an object, and keeps the old bytes."""

    said_yes: ClassVar[set[str]] = set()
    lock = Lock()

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        with self.lock:
            if key in self.said_yes:
                raise Lost(key)
            self.said_yes.add(key)


class Lagging(Folder):
    """Lists what was there when it was last asked."""

    last: ClassVar[dict[str, list[Entry]]] = {}

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        now = [*super().list(prefix, closed)]
        shown, self.last[prefix] = self.last.get(prefix, []), now
        yield from shown


class Constant(Folder):
    """Has one ETag for all bytes."""

    def entry(self, key: str) -> Entry | None:
        found = super().entry(key)
        return replace(found, etag="0") if found else None

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        yield from (replace(entry, etag="0") for entry in super().list(prefix, closed))


class Mistaken(Folder):
    """Gives another hash."""

    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        return "0" * 64


BROKEN = {
    Careless: {(ONE_WINNER, "create"): ROUNDS, (ONE_WINNER, "replace"): ROUNDS},
    Hasty: {(ONE_WINNER, "replace"): 1},
    Forgetful: {(KEPT, "replace"): ROUNDS},
    Lagging: {(LISTED, "create"): ROUNDS, (LISTED, "replace"): ROUNDS},
    Constant: {(ETAG, "replace"): ROUNDS},
    Mistaken: {(HASHED, "create"): ROUNDS, (HASHED, "replace"): ROUNDS},
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_store_is_refused_by_the_law_that_it_breaks(kind: type[Folder], tmp_path: Path) -> None:
    found = probe(lambda: kind(tmp_path, anyone), rounds=ROUNDS, writers=WRITERS)
    assert broken_laws(found) == BROKEN[kind]


def test_a_bucket_that_ignores_conditions_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    def ignore(exchange: Exchange) -> None:
        del exchange.headers["If-None-Match"], exchange.headers["If-Match"]
        forward(exchange)

    with FaultProxy(bucket.endpoint, lambda request: ignore) as proxy:
        found = probe(stores_of(bucket.behind(proxy.endpoint), tmp_path), rounds=2, writers=WRITERS)
    assert broken_laws(found) == {(ONE_WINNER, "create"): 2, (ONE_WINNER, "replace"): 2}
    assert found.breaches[0].told == f"{WRITERS} were told that they had won"


def test_a_bucket_that_ignores_the_conditions_of_large_objects_alone_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    def ignore(exchange: Exchange) -> None:
        del exchange.headers["If-None-Match"], exchange.headers["If-Match"]
        forward(exchange)

    with FaultProxy(bucket.endpoint, lambda request: ignore if "uploadId" in request.query else forward) as proxy:
        behind = bucket.behind(proxy.endpoint)
        assert broken_laws(probe(stores_of(behind, tmp_path), rounds=2, writers=WRITERS)) == {}
        found = probe(stores_of(behind, tmp_path, in_parts=True), rounds=2, writers=WRITERS)
    assert broken_laws(found) == {(ONE_WINNER, "create"): 2, (ONE_WINNER, "replace"): 2}


def test_a_store_that_tells_a_writer_nothing_is_no_store(bucket: Bucket, tmp_path: Path) -> None:
    def refuse(request: Request) -> Callable[[Exchange], None]:
        return Exchange.reset if request.method == "PUT" else forward

    with FaultProxy(bucket.endpoint, refuse) as proxy, pytest.raises(Unreachable):
        probe(stores_of(bucket.behind(proxy.endpoint), tmp_path), rounds=1, writers=2)
    assert "Contents" not in bucket.client().list_objects_v2(Bucket=bucket.name)
