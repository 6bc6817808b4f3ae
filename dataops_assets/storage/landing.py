"""Landing: what providers dropped there, which of it is a whole delivery, and what belongs to none.

Not here: what was received of it (`deliveries`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, from_json

from dataops_assets.contract import Catalog, Dataset, Partition, Source
from dataops_assets.contract.errors import Mistake, choose
from dataops_assets.gate.verdict import digest
from dataops_assets.gate.wording import in_print, some
from dataops_assets.storage import layout
from dataops_assets.storage.errors import Damaged
from dataops_assets.storage.store import Entry, Store


@dataclass(frozen=True)
class Arrival:
    """The files that lie in landing for one partition.

    Attributes:
        partition: The partition that their names tell.
        files: The delivered files, in order of their names.
        proof: The manifest or marker, if it is there.
        waiting_for: What is missing for the delivery to be whole; empty if it is.
        promised: What the manifest says of files, by their keys.
        closed: Folders of the delivery that do not open.
    """

    partition: Partition
    files: tuple[Entry, ...]
    proof: Entry | None
    waiting_for: str
    promised: Mapping[str, dict[str, int | str]] = field(default_factory=dict)
    closed: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The files, and the manifest or marker."""
        return (*self.files, self.proof) if self.proof else self.files

    @property
    def fingerprint(self) -> str:
        """A hash of names, sizes and ETags: another one means that something arrived."""
        return digest([[entry.key, entry.bytes, entry.etag] for entry in self.entries])


@dataclass(frozen=True)
class Stray:
    """Something in landing that is not received: it belongs to no delivery, does not open, or comes too early.

    Attributes:
        key: Its key.
        told: What keeps it out, and the way out: the rest of a sentence that begins with the key.
        early: Whether it only waits for its partition to be over, and is part of a delivery then.
    """

    key: str
    told: str
    early: bool = False

    def __str__(self) -> str:
        return f"{in_print(self.key)} {self.told}"


_STRAY = "belongs to no delivery"


_MEANT = {"row": "rows", "nrows": "rows", "rowcount": "rows", "byte": "bytes", "nbytes": "bytes", "sha256sum": "sha256"}
"""Keys that mean a total without being its name. Whatever else is alike, as `sha3-256` and `kbytes`, is another thing."""

_Count = Annotated[int, Field(ge=0, lt=2**63)]


class _ManifestFile(BaseModel):
    name: str = Field(description="what the file is called, as text")
    rows: _Count | None = Field(default=None, description="how many rows it has, as a whole number")
    bytes: _Count | None = Field(default=None, description="how many bytes it has, as a whole number")
    sha256: str | None = Field(default=None, description="the SHA-256 of its bytes in hex, as text")

    @model_validator(mode="before")
    @classmethod
    def _spelt(cls, said: Any) -> Any:
        """What else a provider says of a file is his matter; a total that is misspelt would be compared with nothing."""
        keys = said if isinstance(said, dict) else {}
        missing = [name for name in cls.model_fields if name not in keys]
        for key in (key for key in keys if key not in cls.model_fields):
            plain = re.sub("[^a-z0-9]", "", key.casefold())
            meant = _MEANT.get(plain, plain)
            if meant in missing:
                raise Mistake(f"`{in_print(key)}` means nothing here", f"write it as `{meant}`, or remove it")
        return said


class _Manifest(BaseModel):
    files: list[_ManifestFile] = Field(min_length=1, description="a list with an object for every file")


def arrivals(store: Store, dataset: Dataset, now: datetime) -> dict[Partition, Arrival]:
    """Everything that lies in landing for a dataset, by partition; one listing, however many partitions."""
    ingested = dataset.ingested
    if ingested is None:
        return {}
    source = ingested.source
    wanted = _pattern(source.files, dataset)
    proof_name = source.complete.manifest or source.complete.marker
    proof_wanted = _pattern(proof_name, dataset) if proof_name else None
    files: dict[Partition, list[Entry]] = {}
    proofs: dict[Partition, Entry] = {}
    closed: dict[str, str] = {}
    top = layout.landing(dataset)
    for entry in store.list(top, closed):
        name = entry.key[len(top) + 1 :]
        if not name.isprintable():  # a line break in it, or bytes that are no text: no message and no receipt could tell it
            continue
        if proof_wanted and (match := proof_wanted.fullmatch(name)):
            proofs[match.groupdict().get("partition")] = entry
        elif match := wanted.fullmatch(name):
            files.setdefault(match.groupdict().get("partition"), []).append(entry)
    shut: dict[Partition, list[str]] = {}
    for key in closed:
        if match := _on_the_way(dataset, source, key[len(top) + 1 :]):
            shut.setdefault(match.groupdict().get("partition"), []).append(key)
    found = {}
    for partition in sorted({*files, *proofs, *shut}, key=str):
        if dataset.partitions and not (partition and dataset.partitions.contains(partition, now)):
            continue
        lying, proof = tuple(files.get(partition, ())), proofs.get(partition)
        if partition in shut:
            waiting = f"the right to open {some(shut[partition], most=3)}: give it to this user"
            found[partition] = Arrival(partition, lying, proof, waiting, closed=tuple(shut[partition]))
        elif not proof_name:
            found[partition] = Arrival(partition, lying, None, _still(source, lying, now))
        elif proof is None:
            waiting = f"{proof_name.replace('{partition}', partition or '')}, which has not arrived"
            found[partition] = Arrival(partition, lying, None, f"{waiting}: it is delivered last")
        elif source.complete.manifest:
            found[partition] = _by_manifest(store, partition, lying, proof, top)
        else:
            name = Path(proof.key).name
            waiting = "" if lying else f"{expected(source, partition)}: so far there is only {name}"
            if any(entry.modified_ns > proof.modified_ns for entry in lying):  # it is that of the delivery before
                waiting = f"a newer {name}: files were written after it, and it is delivered last"
            found[partition] = Arrival(partition, lying, proof, waiting)
    return found


def strays(store: Store, dataset: Dataset, now: datetime) -> list[Stray]:
    """What lies in landing and is not received: for what it is, its name, or the partition that its name tells.

    Returns:
        What takes somebody's hand first; then what only comes too early.
    """
    if dataset.ingested is None:
        return []
    source, top = dataset.ingested.source, layout.landing(dataset)
    found = arrivals(store, dataset, now).values()
    taken = {entry.key for arrival in found for entry in arrival.entries}.union(*(arrival.closed for arrival in found))
    closed: dict[str, str] = {}
    left = [entry.key for entry in store.list(top, closed) if entry.key not in taken]
    left = [key for key in left if not _of_another_version(dataset, source, key[len(top) + 1 :])]
    odd = [
        Stray(key, "is closed: deliveries may lie in it, and this user may not open it: give it the right to")
        if key in closed and _on_the_way(dataset, source, key[len(top) + 1 :])
        else Stray(key, f"{_STRAY}: {why}")
        for key, why in store.odd(top).items()
        if key not in taken
    ]
    return sorted(odd + [_stray(dataset, source, key, now) for key in left], key=lambda stray: stray.early)


def foreign(store: Store, catalog: Catalog) -> list[Stray]:
    """What lies in landing and outside of every dataset's own folder, each such folder once."""
    ingested = list(dict.fromkeys(dataset.deliveries for dataset in catalog if dataset.ingested))
    tops = dict.fromkeys("/".join(entry.key.split("/")[:2]) for entry in store.list(layout.LANDING, closed={}))
    strange = [top for top in tops if top.partition("/")[2] not in ingested]
    why = f"{_STRAY}: no dataset of this name is delivered"
    return [Stray(top, f"{why}: {choose(top.partition('/')[2], ingested)}") for top in strange]


def _stray(dataset: Dataset, source: Source, key: str, now: datetime) -> Stray:
    name, wanted = key[len(layout.landing(dataset)) + 1 :], f"name it {source.files}, or remove it"
    if not name.isprintable():
        return Stray(key, f"{_STRAY}: its name cannot be printed: {wanted}")
    match = next(filter(None, (_pattern(template, dataset).fullmatch(name) for template in _templates(source))), None)
    if not match:
        return Stray(key, f"{_STRAY}: its name is none that the contract gives: {wanted}")
    partitions, partition = dataset.partitions, match.groupdict().get("partition")
    if not partitions or partitions.contains(str(partition), now):
        return Stray(key, f"{_STRAY}: the manifest does not name it: name it there, or remove it")
    if partitions.contains(str(partition), datetime.max.replace(tzinfo=UTC)):
        told = f"waits until {partition} is over; if it is of another {partitions.every}, name it after that one"
        return Stray(key, told, early=True)
    last = f" to {partitions.key_of(partitions.last)}" if partitions.last else " onwards"
    known = f"{partitions.key_of(partitions.first)}{last}"
    return Stray(key, f"{_STRAY}: {partition} is none of the partitions, {known}: deliver it as one of them, or remove it")


def _of_another_version(dataset: Dataset, source: Source, name: str) -> bool:
    """Whether a file is of a partition after the end of this dataset, or from before it took the place of another one."""
    matches = filter(None, (_pattern(template, dataset).fullmatch(name) for template in _templates(source)))
    keys = [match.groupdict().get("partition") for match in matches]
    partitions = dataset.partitions if source.deliveries else None
    return any(dataset.is_past_end(key) or (key and partitions and key < partitions.key_of(partitions.first)) for key in keys)


def _templates(source: Source) -> list[str]:
    return [template for template in (source.files, source.complete.manifest, source.complete.marker) if template]


def expected(source: Source, partition: Partition) -> str:
    """What the files of a delivery are called, below the dataset's landing folder; `*` for whatever tells several apart."""
    return source.files.replace("{partition}", partition or "")


def misnamed(dataset: Dataset, partition: Partition, names: Sequence[str]) -> list[str]:
    """Which files, named as below the dataset's landing folder, are no part of a delivery for a partition."""
    templates = _templates(dataset.ingested.source) if dataset.ingested else []

    def fits(name: str) -> bool:
        matches = filter(None, (_pattern(template, dataset).fullmatch(name) for template in templates))
        return any(match.groupdict().get("partition") == partition for match in matches)

    return [name for name in names if not fits(name)]


def _on_the_way(dataset: Dataset, source: Source, name: str) -> re.Match[str] | None:
    """Whether deliveries may lie below a folder of this name, and by the match, for which partition; "" for the top."""
    depth = len(Path(name).parts)
    above = ("/".join(template.split("/")[:-1][:depth]) for template in _templates(source))
    return next(filter(None, (_pattern(template, dataset).fullmatch(name) for template in above)), None)


def _pattern(template: str, dataset: Dataset) -> re.Pattern[str]:
    """A file template as a pattern: `{partition}` and `*` match within one name."""
    pieces = re.split(r"(\{partition\}|\*)", template)
    key = dataset.partitions.key_pattern if dataset.partitions else ""
    known = {"{partition}": f"(?P<partition>{key})", "*": "[^/]*"}
    seen: set[str] = set()
    pattern = ""
    for piece in pieces:
        again = piece == "{partition}" and piece in seen
        pattern += "(?P=partition)" if again else known.get(piece, re.escape(piece))
        seen.add(piece)
    return re.compile(pattern)


def _still(source: Source, files: Sequence[Entry], now: datetime) -> str:
    quiet = timedelta(seconds=source.complete.quiet or 0)
    youngest = max(entry.modified_ns for entry in files) / 1e9
    age = now - datetime.fromtimestamp(youngest, UTC)
    # The clock of the store may be ahead of this one. A time far ahead is a clock that was wrong, not a file being written.
    waits = abs(age) < quiet
    names = some([Path(entry.key).name for entry in files], most=3)
    return f"{names} to be still for {quiet.total_seconds():g} s: the run after that receives it" if waits else ""


@lru_cache(maxsize=10_000)
def _manifest(store: Store, proof: Entry) -> _Manifest:
    """What a manifest says, read once for each time that it is written.

    Raises:
        Mistake: It is not a manifest.
    """
    try:
        return _Manifest.model_validate(from_json(store.read(proof.key) or b""))
    except ValidationError as error:
        raise _mistake(error.errors()) from error
    except ValueError as error:
        raise Mistake(f"it is not readable as JSON: {error}", "mend the syntax there") from error


def _mistake(found: Sequence[ErrorDetails]) -> Mistake:
    """The first mistake in a manifest: with its place, since all of it may stand in one line."""
    path, given = found[0]["loc"], in_print(repr(found[0]["input"]))
    more = f"; {len(found) - 1} more like this" if len(found) > 1 else ""
    entry = f"entry {int(path[1]) + 1} of `files`" if path[1:] else ""
    key = str(path[-1]) if path and isinstance(path[-1], str) else ""
    own = found[0].get("ctx", {}).get("error")
    if isinstance(own, Mistake):
        return Mistake(f"{entry}: {own.message}", f"{own.remedy}{more}")
    if not key:
        return Mistake(f"{entry or 'it'} is {given}", f"write an object{more}")
    what = f"`{key}` is missing" if found[0]["type"] == "missing" else f"`{key}` is {given}"
    owner: type[BaseModel] = _ManifestFile if entry else _Manifest
    return Mistake(f"{entry}: {what}" if entry else what, f"write {owner.model_fields[key].description}{more}")


def _by_manifest(store: Store, partition: Partition, lying: Sequence[Entry], proof: Entry, top: str) -> Arrival:
    """The delivery that a manifest describes: the files it names, and no other that may lie beside them."""

    def broken(what: str) -> Arrival:
        written = '{"files": [{"name": "…", "rows": 1, "bytes": 1, "sha256": "…"}]}'
        return Arrival(partition, tuple(lying), proof, f"a manifest in place of {proof.key} ({what}), written as {written}")

    try:
        named = _manifest(store.itself, proof).files
    except Damaged as error:
        return Arrival(partition, tuple(lying), proof, f"a manifest that can be read: {error}")
    except PermissionError:
        return Arrival(partition, tuple(lying), proof, f"the right to read {proof.key}: give it to this user")
    except Mistake as error:
        return broken(str(error))
    # Named as seen from the manifest, or from the top of the dataset's landing folder.
    by_key, beside = {entry.key: entry for entry in lying}, proof.key.rpartition("/")[0]
    files, promised, missing = [], {}, []
    for file in named:
        entry = by_key.get(f"{beside}/{file.name}") or by_key.get(f"{top}/{file.name}")
        if file.name.startswith("/") or ".." in file.name.split("/"):
            return broken(f"{in_print(file.name)} lies outside of the delivery")
        if entry is None:
            missing.append(file.name)
        elif entry.key in promised:
            return broken(f"{in_print(file.name)} stands in it twice")
        elif file.bytes not in (None, entry.bytes) and entry.modified_ns > proof.modified_ns:
            waiting = f"{file.name} as {Path(proof.key).name} promises it, or a newer one: it is being written"
            return Arrival(partition, tuple(lying), proof, waiting)
        else:
            files.append(entry)
            promised[entry.key] = file.model_dump(exclude={"name"}, exclude_none=True)
    name = Path(proof.key).name
    waiting = f"{some(missing)}, promised by {name}: deliver it, or a {name} without it" if missing else ""
    return Arrival(partition, tuple(sorted(files, key=lambda entry: entry.key)), proof, waiting, promised)
