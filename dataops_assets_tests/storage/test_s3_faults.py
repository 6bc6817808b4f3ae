"""`S3` behind a proxy that does the worst to each request: success, or one error that names the object, and nothing in part.

Everything here runs against a server that is right about conditions, checksums and rights; moto is not.
"""

import errno
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.storage import aws, s3
from dataops_assets.storage.errors import Damaged, Lost, Unreachable, in_words
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets_tests import fault_proxy as faults
from dataops_assets_tests.fault_proxy import Delay, Duplicate, Exchange, Fault, FaultProxy, Refuse, Request, forward
from dataops_assets_tests.s3_server import ONCE, Bucket, MakeIdentity

pytestmark = pytest.mark.s3
TAGS = {"lifecycle": "standard", "readers": "analysts"}
PART = 5 << 20  # what S3 demands of all parts but the last
LARGE = bytes(range(256)) * (2 * PART // 256) + b"the end"
ACTS = 15


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts; parts are as small as they may be."""
    for module in (aws, s3):
        monkeypatch.setattr(module, "jitter_seconds", lambda attempt: 0.0)
    monkeypatch.setattr(s3, "_PART_BYTES", PART)


def opened(bucket: Bucket, here: Path) -> S3:
    client = bucket.client(retries=ONCE, read_timeout=5)
    return S3(bucket.name, "data", Folder(here), client=client)


def name(fault: Fault | str) -> str:
    """The same in each process that collects the tests."""
    return getattr(fault, "__name__", str(fault))


@dataclass
class First:
    """The fault for each first attempt at what is chosen; after `anew`, for the first of the next writer, too.

    Attributes:
        fault: The fault.
        chosen: What is struck.
    """

    fault: Fault
    chosen: Callable[[Request], bool]
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    def __call__(self, request: Request) -> Fault:
        what = (request.method, request.path, request.query.get("partNumber", ""))
        if not self.chosen(request) or what in self._seen:
            return forward
        self._seen.add(what)
        return self.fault

    def anew(self) -> None:
        """Strike what was struck already once more."""
        self._seen.clear()


def versions(bucket: Bucket) -> set[tuple[str, str]]:
    """Every version of every object; versitygw lists the one at the end of a page twice."""
    pages = bucket.client().get_paginator("list_object_versions").paginate(Bucket=bucket.name)
    return {(version["Key"], version["VersionId"]) for page in pages for version in page.get("Versions", [])}


OF_ANY_CHANGE: list[Fault] = [
    faults.drop_answer,
    faults.CONFLICT,
    Duplicate(1),
    Duplicate(2),
    Delay(before=0.02),
    Delay(after=0.02),
    faults.reset,
    faults.SLOW_DOWN,
    faults.TOO_MANY_REQUESTS,
]
"""Faults that any request can have, be there bytes in it or not."""


def changes(request: Request) -> bool:
    return request.method in ("PUT", "POST", "DELETE")


@pytest.mark.parametrize("fault", [*OF_ANY_CHANGE, faults.truncate_body], ids=name)
def test_change_with_a_fault_is_done_once(bucket: Bucket, tmp_path: Path, fault: Fault, pytestconfig: pytest.Config) -> None:
    """No false conflict: each succeeds, and each that comes too late is told. No double commit: each object has one version."""
    acts, strike = ACTS * pytestconfig.getoption("--rounds"), First(fault, changes)
    plain = opened(bucket, tmp_path / "plain")
    with FaultProxy(bucket.endpoint, strike) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        for act in range(acts):
            store.create(f"journal/{act:08}.json", f"{act}".encode(), TAGS)
            with store.draft("head") as draft:
                draft.write_bytes(f"{act}".encode())
                store.replace(f"head/{act}", draft, None, TAGS, commit=f"{act}")
            strike.anew()
            with pytest.raises(Lost):
                store.create(f"journal/{act:08}.json", b"another", TAGS)
            with store.draft("head") as draft:
                draft.write_bytes(b"another")
                with pytest.raises(Lost):
                    store.replace(f"head/{act}", draft, None, TAGS, commit="another")
        struck = sum(one is fault for _, one in proxy.seen)
    assert struck >= 4 * acts
    assert [plain.read(f"journal/{act:08}.json") for act in range(acts)] == [f"{act}".encode() for act in range(acts)]
    assert len(versions(bucket)) == len({key for key, _ in versions(bucket)}) == 2 * acts


@pytest.mark.parametrize("fault", [faults.drop_answer, faults.CONFLICT, Duplicate(1), Duplicate(2), faults.reset], ids=name)
def test_replacement_with_a_fault_is_done_once(
    bucket: Bucket, tmp_path: Path, fault: Fault, pytestconfig: pytest.Config
) -> None:
    acts, done = ACTS * pytestconfig.getoption("--rounds"), 0

    def choose(request: Request) -> Fault:
        return fault if request.method == "PUT" and request.number % 2 else forward

    with FaultProxy(bucket.endpoint, choose) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        for act in range(acts):
            seen = store.entry("head")
            with store.draft("head") as draft:
                draft.write_bytes(f"{act}".encode())
                try:
                    store.replace("head", draft, seen, TAGS, commit=f"{act}")
                except Unreachable:  # struck each time
                    assert fault in (faults.CONFLICT, faults.reset)
                    continue
            done += 1
            assert store.read("head") == f"{act}".encode()
    assert len(versions(bucket)) == done > acts / 2


@pytest.mark.parametrize("fault", [faults.drop_answer, faults.CONFLICT, Duplicate(1), faults.reset, faults.SLOW_DOWN], ids=name)
@pytest.mark.parametrize("step", ["uploads", "partNumber", "uploadId"])
def test_large_object_with_a_fault_in_each_step(
    bucket: Bucket, tmp_path: Path, fault: Fault, step: str, pytestconfig: pytest.Config
) -> None:
    def chosen(request: Request) -> bool:
        part = "partNumber" in request.query
        return changes(request) and step in request.query and (part == (step == "partNumber"))

    acts, strike = pytestconfig.getoption("--rounds"), First(fault, chosen)
    with FaultProxy(bucket.endpoint, strike) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        for act in range(acts):
            store.create(f"large/{act}", LARGE, TAGS)
            strike.anew()
            with pytest.raises(Lost):
                store.create(f"large/{act}", LARGE + b"another", TAGS)
        assert sum(one is fault for _, one in proxy.seen) >= 2 * acts
    plain = opened(bucket, tmp_path / "plain")
    assert [plain.read(f"large/{act}") == LARGE for act in range(acts)] == [True] * acts
    plain.sweep(datetime.now(UTC) + timedelta(days=2), remove=True)
    assert plain.unfinished() == []
    assert len(versions(bucket)) == acts


@pytest.mark.parametrize("fault", OF_ANY_CHANGE, ids=name)
def test_removal_with_a_fault_takes_what_was_seen_and_nothing_else(
    bucket: Bucket, tmp_path: Path, fault: Fault, pytestconfig: pytest.Config
) -> None:
    acts, strike = ACTS * pytestconfig.getoption("--rounds"), First(fault, changes)
    plain = opened(bucket, tmp_path / "plain")
    for act in range(acts):
        for top in ("withdrawn", "replaced", "removed", "kept"):
            plain.create(f"{top}/{act}", b"one", TAGS)
    with FaultProxy(bucket.endpoint, strike) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        for act in range(acts):
            strike.anew()
            seen = {top: store.entry(f"{top}/{act}") for top in ("withdrawn", "replaced")}
            assert seen["withdrawn"]
            assert seen["replaced"]
            with suppress(Lost):  # it was removed, and the answer got lost: then it is there no more
                store.withdraw(f"withdrawn/{act}", seen["withdrawn"])
            plain.write(f"replaced/{act}", b"another", TAGS)
            with pytest.raises(Lost):
                store.withdraw(f"replaced/{act}", seen["replaced"])
            store.remove([f"removed/{act}"])
        struck = [request.method for request, one in proxy.seen if one is fault]
    assert (struck.count("DELETE"), struck.count("POST")) == (acts, acts)
    left = {top: [plain.read(f"{top}/{act}") for act in range(acts)] for top in ("withdrawn", "replaced", "removed", "kept")}
    assert left == {
        "withdrawn": [None] * acts,
        "replaced": [b"another"] * acts,
        "removed": [None] * acts,
        "kept": [b"one"] * acts,
    }


def lasting(fault: Fault, start: Callable[[Request], bool]) -> Callable[[Request], Fault]:
    """The fault for what is chosen, and for all that comes after."""
    begun: list[bool] = []

    def choose(request: Request) -> Fault:
        if start(request):
            begun.append(True)
        return fault if begun else forward

    return choose


SKEWED = Refuse(403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("fault", [faults.EXPIRED_TOKEN, faults.ACCESS_DENIED, SKEWED], ids=name)
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "in parts"])
def test_right_that_ends_in_mid_run(bucket: Bucket, tmp_path: Path, fault: Refuse, content: bytes) -> None:
    """A token may run out between two parts; whoever is refused is told of the object, and why."""

    def starts(request: Request) -> bool:
        return request.method == "PUT" and request.query.get("partNumber", "2") == "2"

    plain = opened(bucket, tmp_path / "plain")
    with FaultProxy(bucket.endpoint, lasting(fault, starts)) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        with pytest.raises(PermissionError, match=fault.code) as refused:
            store.create("object", content, TAGS)
        assert refused.value.filename == f"s3://{bucket.name}/data/object"
        with pytest.raises(PermissionError):
            store.entry("object")
    assert plain.entry("object") is None
    assert len(plain.unfinished()) == (1 if content is LARGE else 0)
    assert plain.sweep(datetime.now(UTC), remove=True) == 0  # it could be a writer's that is alive
    assert plain.sweep(datetime.now(UTC) + timedelta(days=2), remove=True) == (1 if content is LARGE else 0)
    assert plain.unfinished() == []


def test_key_that_is_taken_back_in_mid_multipart(bucket: Bucket, identity: MakeIdentity, tmp_path: Path) -> None:
    """The server itself refuses what comes next, as it does a token that has run out."""
    allowed = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket.name}", f"arn:aws:s3:::{bucket.name}/*"],
    }
    writer = identity("writer", {"Version": "2012-10-17", "Statement": [allowed]})
    iam = bucket.server.client("iam", bucket.credentials)

    def take_back(exchange: Exchange) -> None:
        if iam.list_access_keys(UserName=f"{bucket.name}-writer")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=f"{bucket.name}-writer", AccessKeyId=writer.key_id)
        forward(exchange)

    def choose(request: Request) -> Fault:
        return take_back if request.query.get("partNumber") == "3" else forward

    with FaultProxy(bucket.endpoint, choose) as proxy:
        store = opened(bucket.by(writer).behind(proxy.endpoint), tmp_path / "here")
        with pytest.raises(PermissionError, match=f"s3://{bucket.name}/data/object"):
            store.create("object", LARGE, TAGS)
    plain = opened(bucket, tmp_path / "plain")
    assert plain.entry("object") is None
    plain.sweep(datetime.now(UTC) + timedelta(days=2), remove=True)
    assert plain.unfinished() == []


@pytest.mark.parametrize("fault", [faults.SLOW_DOWN, faults.TOO_MANY_REQUESTS, faults.CONFLICT, faults.reset], ids=name)
def test_store_that_never_answers_is_told_by_the_object(bucket: Bucket, tmp_path: Path, fault: Fault) -> None:
    with FaultProxy(bucket.endpoint, lambda _: fault) as proxy:
        store = opened(bucket.behind(proxy.endpoint), tmp_path / "here")
        acts: list[Callable[[], object]] = [
            lambda: store.create("object", b"1", TAGS),
            lambda: store.create("object", LARGE, TAGS),
            lambda: store.write("object", b"1", TAGS),
            lambda: store.read("object"),
            lambda: store.entry("object"),
            lambda: store.copy("object", tmp_path / "copy"),
            lambda: list(store.list("object")),
            lambda: store.remove(["object"]),
            lambda: store.sweep(datetime.now(UTC), remove=True),
        ]
        for act in acts:
            with pytest.raises(Unreachable, match=r"8 attempts.*s3://") as caught:
                act()
            assert caught.value.errno == errno.EIO
    assert opened(bucket, tmp_path / "plain").entry("object") is None


def test_server_that_is_gone(bucket: Bucket, tmp_path: Path) -> None:
    store = opened(bucket.behind("http://127.0.0.1:9"), tmp_path)
    with pytest.raises(Unreachable, match=f"Could not connect.*s3://{bucket.name}/data/object"):
        store.read("object")


@pytest.mark.parametrize("fault", [faults.truncate_answer, faults.flip_byte], ids=name)
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "in parts"])
def test_answer_that_is_damaged_on_its_way(bucket: Bucket, tmp_path: Path, fault: Fault, content: bytes) -> None:
    plain = opened(bucket, tmp_path / "plain")
    plain.create("object", content, TAGS)
    sha256 = plain.sha256("object") or ""

    def reads(request: Request) -> bool:
        return request.method == "GET" and request.path.endswith("/object")

    for act in (lambda store: store.read("object"), lambda store: store.local("object", sha256).read_bytes()):
        with FaultProxy(bucket.endpoint, First(fault, reads)) as proxy:  # once: it is asked again
            assert act(opened(bucket.behind(proxy.endpoint), tmp_path / "once")) == content
            assert fault in [one for _, one in proxy.seen]
        shutil.rmtree(tmp_path / "once", ignore_errors=True)
        with FaultProxy(bucket.endpoint, lambda request: fault if reads(request) else forward) as proxy:  # always
            with pytest.raises((Damaged, Unreachable), match=f"s3://{bucket.name}/data/object") as caught:
                act(opened(bucket.behind(proxy.endpoint), tmp_path / "always"))
            assert isinstance(caught.value, Damaged) == (fault is faults.flip_byte)
        assert [*(tmp_path / "always").glob("_cache/*")] == []


def test_disk_that_is_full(bucket: Bucket, tmp_path: Path) -> None:
    store = opened(bucket, tmp_path / "here")
    store.create("object", LARGE, TAGS)
    with no_room(), pytest.raises(OSError, match="File too large") as caught:
        store.create("other", LARGE, TAGS)
    assert "Make room on that disk" in in_words(caught.value)
    assert store.entry("other") is None
    with no_room(), pytest.raises(OSError, match="File too large") as caught:
        store.local("object", store.sha256("object") or "")
    assert "Make room on that disk" in in_words(caught.value)
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []


@contextmanager
def no_room() -> Iterator[None]:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
