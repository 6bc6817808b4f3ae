"""The two stores in a world of chance: `S3` as it is, on a server in memory, and `Folder` as it is, with waits in between.

The server does what S3 documents: whole objects, conditions on what is there, listings that are never old. Its ETags change
with every write, or are the MD5 of the bytes, as in S3: then the same bytes have the same ETag again.

Here: requests of the stores. Not here: what may become of them (`world`).
"""

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.response import StreamingBody

from dataops_assets.storage.folder import Folder
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Entry, Store, Tags
from dataops_assets_tests.simulation.world import CHANGES, IN_ORDER, ON_THIS_MACHINE, READS, Busy, Fate, No, Silence, World

_Answer = TypeVar("_Answer")
_BUCKETS = itertools.count()
Kind = Literal["folder", "counted", "md5"]
KINDS: tuple[Kind, ...] = ("folder", "counted", "md5")
"""A folder; a server whose ETags change with every write; one whose ETags are the MD5 of the bytes."""

Watch = Callable[[str, bytes | None, bytes | None], object]
"""Is told the key, what stood there, and what stands there now."""


@dataclass(frozen=True)
class _Object:
    body: bytes
    etag: str
    modified: datetime
    metadata: dict[str, str]
    id: str


@dataclass
class Server:
    """A bucket in memory."""

    world: World
    kind: Kind
    objects: dict[str, _Object] = field(default_factory=dict)
    versions: dict[str, list[_Object]] = field(default_factory=dict)
    changed: Watch = lambda *_: None
    _writes: int = 0

    def contents(self) -> dict[str, bytes]:
        """All that lies in it."""
        return {key: found.body for key, found in sorted(self.objects.items())}

    def open(self, name: str, here: Path) -> Store:
        """The store as one process sees it; nothing that it remembers is shared with others."""
        return S3(f"{next(_BUCKETS)}-{name}", "", Folder(here), client=_Client(self))

    def put(self, key: str, body: bytes, metadata: dict[str, str], none_match: str | None, match: str | None) -> dict[str, Any]:
        stands = self.objects.get(key)
        if match and stands is None:
            raise No("NoSuchKey")
        if (none_match and stands) or (match and stands and match != stands.etag):
            raise No("PreconditionFailed")
        self._writes += 1
        etag = hashlib.md5(body).hexdigest() if self.kind == "md5" else str(self._writes)
        self.objects[key] = _Object(body, f'"{etag}"', self.world.now, metadata, f"v{self._writes}")
        self.versions.setdefault(key, []).append(self.objects[key])
        self.changed(key, stands.body if stands else None, body)
        return {"ETag": f'"{etag}"'}

    def delete(self, named: Sequence[dict[str, str]]) -> dict[str, Any]:
        """Objects, with all their versions as if the bucket kept none; or just the versions that are named."""
        for one in named:
            key, stood = one["Key"], self.objects.pop(one["Key"], None)
            kept = [left for left in self.versions.pop(key, []) if left.id != one.get("VersionId", left.id)]
            if kept:
                self.versions[key], self.objects[key] = kept, kept[-1]
            if stood and stood != self.objects.get(key):
                self.changed(key, stood.body, kept[-1].body if kept else None)
        return {}

    def version(self, key: str, id: str) -> _Object:
        found = next((one for one in self.versions.get(key, ()) if one.id == id), None)
        if found is None:
            raise No("NoSuchVersion")
        return found


@dataclass(frozen=True)
class _Client:
    """What `S3` asks of boto3's client."""

    server: Server

    def _ask(self, what: str, act: Callable[[], Any], fates: Collection[Fate] = READS) -> Any:
        try:
            return self.server.world.request(what, act, fates)
        except Silence:
            raise ReadTimeoutError(endpoint_url="simulated") from None
        except Busy:
            raise _error("SlowDown" if fates == READS else "ConditionalRequestConflict") from None
        except No as no:
            raise _error(no.code) from None

    def get_bucket_versioning(self, **_: Any) -> Any:
        return self._ask("versioning", lambda: {"Status": "Enabled"})

    def put_object(self, Key: str, Body: Any, Metadata: dict[str, str], **given: Any) -> Any:
        body, conditions = Body.read(), (given.get("IfNoneMatch"), given.get("IfMatch"))
        fates = CHANGES if any(conditions) else IN_ORDER
        return self._ask(f"put {Key}", lambda: self.server.put(Key, body, Metadata, *conditions), fates)

    def copy_object(self, CopySource: dict[str, str], Key: str, **given: Any) -> Any:
        def copy() -> dict[str, Any]:
            source = self.server.version(CopySource["Key"], CopySource["VersionId"])
            return self.server.put(Key, source.body, source.metadata, given.get("IfNoneMatch"), None)

        return self._ask(f"copy to {Key}", copy, CHANGES if "IfNoneMatch" in given else IN_ORDER)

    def head_object(self, Key: str, VersionId: str | None = None, **_: Any) -> Any:
        def head() -> dict[str, Any]:
            found = self.server.version(Key, VersionId) if VersionId else self._found(Key, "404")
            return {**_listed(found), "ContentLength": len(found.body), "Metadata": found.metadata}

        return self._ask(f"head {Key}", head)

    def get_object(self, Key: str, **_: Any) -> Any:
        def get() -> dict[str, Any]:
            found = self._found(Key, "NoSuchKey")
            body = StreamingBody(io.BytesIO(found.body), len(found.body))
            return {**_listed(found), "ContentLength": len(found.body), "Body": body, "Metadata": found.metadata}

        return self._ask(f"get {Key}", get)

    def list_object_versions(self, Prefix: str, **_: Any) -> Any:
        def listed() -> dict[str, Any]:
            found = [(key, one) for key, kept in sorted(self.server.versions.items()) for one in kept if key.startswith(Prefix)]
            told = [
                {**_listed(one), "Key": key, "Size": len(one.body), "VersionId": one.id}
                | {"IsLatest": one == self.server.objects[key]}
                for key, one in found
            ]
            return {"IsTruncated": False, "Versions": told}

        return self._ask(f"versions {Prefix}", listed)

    def list_objects_v2(self, Prefix: str, Delimiter: str = "", **_: Any) -> Any:
        def listed() -> dict[str, Any]:
            found = sorted((key, one) for key, one in self.server.objects.items() if key.startswith(Prefix))
            if Delimiter:
                folders = sorted({key[: key.index("/", len(Prefix)) + 1] for key, _ in found if "/" in key[len(Prefix) :]})
                return {"IsTruncated": False, "CommonPrefixes": [{"Prefix": folder} for folder in folders]}
            return {
                "IsTruncated": False,
                "Contents": [{**_listed(one), "Key": key, "Size": len(one.body)} for key, one in found],
            }

        return self._ask(f"list {Prefix}", listed)

    def delete_objects(self, Delete: dict[str, Any], **_: Any) -> Any:
        named = Delete["Objects"]
        return self._ask(f"delete {[one['Key'] for one in named]}", lambda: self.server.delete(named), CHANGES)

    def delete_object(self, Key: str, IfMatch: str, **_: Any) -> Any:
        def delete() -> dict[str, Any]:
            if self._found(Key, "404").etag != IfMatch:
                raise No("PreconditionFailed")
            return self.server.delete([{"Key": Key}])

        return self._ask(f"delete {Key}", delete, CHANGES)

    def get_paginator(self, name: str) -> Any:
        assert name == "list_multipart_uploads"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        return iter(())

    def _found(self, key: str, code: str) -> _Object:
        found = self.server.objects.get(key)
        if found is None:
            raise No(code)
        return found


def _listed(found: _Object) -> dict[str, Any]:
    return {"ETag": found.etag, "LastModified": found.modified}


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "simulated"}}, "Simulated")


class _Watched(Folder):
    """A folder whose every use is a request."""

    def __init__(self, root: Path, disk: "Disk"):
        super().__init__(root)
        self._disk = disk

    def _ask(self, what: str, act: Callable[[], _Answer], fates: Collection[Fate] = ()) -> _Answer:
        return self._disk.world.request(what, act, fates)

    def entry(self, key: str) -> Entry | None:
        return self._ask(f"entry {key}", lambda: super(_Watched, self).entry(key))

    def read(self, key: str) -> bytes | None:
        return self._ask(f"read {key}", lambda: super(_Watched, self).read(key))

    def load(self, key: str) -> tuple[Entry, bytes] | None:
        return self._ask(f"load {key}", lambda: super(_Watched, self).load(key))

    def folders(self, prefix: str) -> Iterator[str]:
        return self._ask(f"folders {prefix}", lambda: super(_Watched, self).folders(prefix))

    def sha256(self, key: str, seen: Entry | None = None) -> str | None:
        return self._ask(f"sha256 {key}", lambda: super(_Watched, self).sha256(key, seen))

    def list(self, prefix: str, closed: dict[str, str] | None = None) -> Iterator[Entry]:
        yield from self._ask(f"list {prefix}", lambda: [*super(_Watched, self).list(prefix, closed)])

    def _create(self, key: str, draft: Path, tags: Tags) -> None:
        self._ask(f"create {key}", lambda: self._changing(key, super(_Watched, self)._create, draft, tags), ON_THIS_MACHINE)

    def _replace(self, key: str, draft: Path, seen: Entry | None, tags: Tags, commit: str) -> None:
        act = super()._replace
        self._ask(f"replace {key}", lambda: self._changing(key, act, draft, seen, tags, commit), ON_THIS_MACHINE)

    def _write(self, key: str, draft: Path, tags: Tags) -> None:
        self._ask(f"write {key}", lambda: self._changing(key, super(_Watched, self)._write, draft, tags), ON_THIS_MACHINE)

    def _remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._ask(f"remove {key}", lambda key=key: self._changing(key, self._unlink), ON_THIS_MACHINE)  # type: ignore[misc]

    def _withdraw(self, key: str, seen: Entry) -> None:
        self._ask(f"withdraw {key}", lambda: self._changing(key, super(_Watched, self)._withdraw, seen), ON_THIS_MACHINE)

    def _move_one(self, seen: Entry, to: str) -> None:
        def move(key: str) -> None:
            super(_Watched, self)._move_one(replace(seen, key=key), to)

        def beside(key: str) -> None:  # where it goes if something lies in its way
            self._changing(f"{to}.{seen.modified_ns}", lambda _: self._changing(to, lambda _: move(key)))

        self._ask(f"move {seen.key}", lambda: self._changing(seen.key, beside), ON_THIS_MACHINE)

    def _unlink(self, key: str) -> None:
        super()._remove([key])

    def _changing(self, key: str, act: Callable[..., None], *given: Any) -> None:
        stood, file = Folder.read(self, key), Folder.entry(self, key)
        act(key, *given)
        if self._disk.dated and (written := Folder.entry(self, key)) and written != file:
            now_ns = int(self._disk.world.now.timestamp() * 1e9) + self._disk.world.steps  # no two alike
            os.utime(self.path(key), ns=(now_ns, now_ns))
        if Folder.entry(self, key) != file:
            self._disk.changed(key, stood, Folder.read(self, key))


@dataclass
class Disk:
    """A folder of this machine.

    Attributes:
        dated: Whether what is written has the time of the world, not of the machine.
    """

    world: World
    root: Path
    changed: Watch = lambda *_: None
    dated: bool = False

    def contents(self) -> dict[str, bytes]:
        """All that lies in it."""
        found = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        named = {str(path.relative_to(self.root)): path for path in found}
        return {
            key: path.read_bytes() for key, path in named.items() if not key.startswith(("_tmp", "_write.lock", "_expiry.lock"))
        }

    def open(self, name: str, here: Path) -> Store:
        """The store as one process sees it."""
        del name, here
        return _Watched(self.root, self)
