"""Whether a deployment can be trusted with data: each thing it relies on is tried, and what is wrong comes with the way out.

Not here: how a store is tried (`storage.conformance`, `storage.bucket`), and how it is printed (`cli.doctor`).
"""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from dataops_assets import deployment, settings
from dataops_assets.areas import keeping
from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, ContractError
from dataops_assets.deployment import Deployment
from dataops_assets.storage import bucket, layout, mark
from dataops_assets.storage.bucket import Answer
from dataops_assets.storage.conformance import makes_again, probe
from dataops_assets.storage.lake import BRANCHES, Lake
from dataops_assets.storage.leftovers import sweep
from dataops_assets.storage.s3 import S3
from dataops_assets.storage.store import Store

_SKEW = timedelta(minutes=1)
_ROOM_BYTES = 1 << 30
_OF_PROD = ("mark of prod", "reading prod", "writing prod")
_SIGN_IN = "sign in anew (`aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_SET_CLOCK = "let a time server set whichever clock is wrong: beyond 15 minutes S3 refuses every request"
_REMEDIES = {
    bucket.UNREACHABLE: "see that it runs and that this machine reaches it, or set {endpoint} to where it answers",
    "AccessDenied": "let this identity do {right} there",
    "NoSuchBucket": "make it, or set {variable} to one that there is",
    "PermanentRedirect": "set AWS_REGION to the region of the bucket",
    "RequestTimeTooSkewed": _SET_CLOCK,
    "NoRegionError": "set AWS_REGION",
    "ValueError": "set {endpoint}, or AWS_ENDPOINT_URL, to an address that begins with https:// or http://",
    **dict.fromkeys(
        (
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidToken",
            "NoCredentialsError",
            "PartialCredentialsError",
            "ProfileNotFound",
            "SignatureDoesNotMatch",
            "SSOTokenLoadError",
            "TokenRetrievalError",
            "UnauthorizedSSOTokenError",
        ),
        _SIGN_IN,
    ),
}


@dataclass(frozen=True)
class Check:
    """Something that was tried.

    Attributes:
        name: What.
        state: How it ended; `limited` if something does not work there that a deployment can do without.
        told: What was found, or why it was not tried.
        remedy: The way out, if it is wrong or limited.
    """

    name: str
    state: Literal["ok", "limited", "wrong", "not checked"]
    told: str
    remedy: str = ""


def chosen(here: Deployment, who: Answer | None) -> dict[str, str]:
    """What the environment chose, by name.

    Args:
        here: The deployment.
        who: What `signed_in` said.
    """
    commit, clean = deployment.code()
    code = f"commit {commit[:12]}, {'unmodified' if clean else 'with changes'}" if commit else "not of a known commit"
    found = {
        "deployment": here.name,
        "data": here.data,
        "dropped into": here.landing,
        "reads" if here.name == "adhoc" else "reads through to": here.prod,
        "pipeline": here.pipeline,
        "identity": _identity(here, who) or "not known",
        "code": code,
        "cache": str(here.cache),
        "expiry": "areas that are due go" if here.expires else "a dry run" if here.areas else None,
        "webhook": "is told of areas that are marked" if here.webhook and here.areas else None,
        "access logs": here.access_logs,
    }
    return {name: value for name, value in found.items() if value}


def signed_in(here: Deployment) -> Answer | None:
    """Whose credentials these are; None where no bucket asks for any."""
    buckets = any(map(settings.in_a_bucket, filter(None, (here.data, here.prod))))
    return bucket.signed_in() if buckets else None


def examine(here: Deployment, who: Answer | None, defs: Path, rounds: int, after_round: Callable[[], None]) -> Iterator[Check]:
    """Try everything that a deployment relies on, and say of each how that ended.

    Args:
        here: The deployment.
        who: What `signed_in` said.
        defs: The folder of the contracts.
        rounds: How often writers race for an object.
        after_round: Called after each of these rounds.
    """
    yield Check("variables", "ok", f"{here.name} has all that it needs")
    if who:
        yield _answered("credentials", who, f"of {_arn(who)}", "sts:GetCallerIdentity", endpoint="AWS_ENDPOINT_URL_STS")
    catalog = None
    try:
        catalog = load_catalog(defs)
        yield Check("contracts", "ok", f"{len(catalog.datasets)} datasets")
    except ContractError as error:
        yield Check("contracts", "wrong", str(error).splitlines()[0], "`dg check defs` tells all of it")

    told = {who.told} if who else set()
    try:
        store, drops = here.store, here.drops
    except PermissionError as error:
        yield _unopened("store", bucket.refusal(error), told)
        yield _room(here)
        yield from map(_unreached, ("writing", *races_of(here), "leftovers"))
    else:
        if drops:
            yield from _store("landing", drops, "DATAOPS_LANDING")
        yield from _own(here, store, who, catalog, rounds, after_round)
    try:
        base = here.base
    except PermissionError as error:
        yield _unopened("prod", bucket.refusal(error), told)
        yield from map(_unreached, _OF_PROD)
    else:
        yield from _through_to(base, catalog) if base else ()


def _own(
    here: Deployment, store: Store, who: Answer | None, catalog: Catalog | None, rounds: int, after_round: Callable[[], None]
) -> Iterator[Check]:
    """What is written."""
    answers = yield from _store("store", store, "DATAOPS_DATA")
    yield _room(here)
    races = races_of(here)
    if not answers:
        yield from map(_unreached, ("writing", *races))
    elif _is_kept_out(here, who):
        yield _ban("writing", store)
        why = f"only {here.pipeline} (DATAOPS_PIPELINE) writes to prod"
        yield from (Check(name, "not checked", why) for name in races)
    else:
        writes = _writing(here)
        yield writes
        for name, open_store in races.items():
            if writes.state != "wrong":
                yield from _conditional_writes(name, open_store, here, rounds, after_round)
            else:
                yield Check(name, "not checked", "nothing can be written")
        if here.area and writes.state != "wrong":
            yield _dropping(store)
    if here.name != "adhoc":  # whose interrupted writes end by a rule of the bucket
        yield _leftovers(here, catalog) if answers else _unreached("leftovers")
    if here.areas:
        yield _areas(here, catalog) if answers else _unreached("areas")
    if here.access_logs:
        yield _access_logs(here)


def _through_to(base: Store, catalog: Catalog | None) -> Iterator[Check]:
    """What is read through to."""
    answers = yield from _store("prod", base, "DATAOPS_PROD")
    if answers:
        yield _mark(base)
        yield _reading(base, catalog)
        yield _ban("writing prod", base)
    else:
        yield from map(_unreached, _OF_PROD)


def _unopened(name: str, answer: Answer, told: set[str]) -> Check:
    """One setting keeps a client from being made for each service and store: it is told once."""
    if answer.told in told:
        return Check(name, "not checked", answer.told)
    told.add(answer.told)
    return _answered(name, answer, "", "")


def _unreached(name: str) -> Check:
    return Check(name, "not checked", "the store does not answer as it should")


def _arn(who: Answer) -> str:
    return str(who.found.get("identity", ""))


def _identity(here: Deployment, who: Answer | None) -> str:
    return _arn(who) if who and settings.in_a_bucket(here.data) else deployment.identity(False)


def _is_kept_out(here: Deployment, who: Answer | None) -> bool:
    """Whether this is prod, and the process not its pipeline."""
    return here.pipeline not in (None, _identity(here, who))


def _answered(
    name: str, answer: Answer, good: str, right: str, variable: str = "", endpoint: str = "AWS_ENDPOINT_URL_S3"
) -> Check:
    if not answer.code:
        return Check(name, "ok", good)
    remedy = _REMEDIES.get(answer.code, "ask whoever runs it")
    return Check(name, "wrong", answer.told, remedy.format(right=right, variable=variable, endpoint=endpoint))


def _store(name: str, store: Store, variable: str) -> Generator[Check, None, bool]:
    """Whether a store answers at all, and what else it says of itself."""
    if isinstance(store, S3):
        looked = bucket.look(store)
        yield _answered(name, looked, f"{store.where} answers", "s3:ListBucket", variable)
        if looked.ahead is not None:
            yield _clock(f"clock of {name}", looked.ahead)
        if not looked.code:
            yield _versions(f"versions of {name}", store)
        return not looked.code
    root = Path(store.where)
    if not root.exists() and variable == "DATAOPS_DATA":
        yield Check(name, "ok", f"{root} is made by the first write")
    elif not root.is_dir():
        yield Check(name, "wrong", f"{root} is no folder", f"set {variable} to one that there is")
        return False
    elif not os.access(root, os.R_OK | os.X_OK):
        yield Check(
            name, "wrong", f"{root} does not open", f"give this user the right to read it, or set {variable} to another"
        )
        return False
    else:
        yield Check(name, "ok", f"{root} opens")
    return True


def _clock(name: str, ahead: timedelta) -> Check:
    seconds = ahead.total_seconds()
    told = f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine"
    return Check(name, "wrong", told, _SET_CLOCK) if abs(ahead) > _SKEW else Check(name, "ok", told)


def _versions(name: str, store: S3) -> Check:
    answer = bucket.versioning(store)
    if answer.code:
        return Check(name, "not checked", answer.told)
    if answer.found.get("Status") == "Enabled":
        return Check(name, "ok", "what is replaced or removed is kept")
    how = f"aws s3api put-bucket-versioning --bucket {store.bucket} --versioning-configuration Status=Enabled"
    return Check(
        name, "wrong", "the bucket keeps no versions, so a mistake cannot be undone", f"its owner turns them on: {how}"
    )


def _room(here: Deployment) -> Check:
    """A draft lies on this machine, also where the store is a bucket."""
    root, variable = (here.cache, "DATAOPS_CACHE") if settings.in_a_bucket(here.data) else (Path(here.data), "DATAOPS_DATA")
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    told = f"{free / (1 << 30):,.1f} GiB free for {root}"
    if free < _ROOM_BYTES:
        return Check("room", "wrong", told, f"make room on that disk, or set {variable} to a folder on another")
    return Check("room", "ok", told)


def _writing(here: Deployment) -> Check:
    """Whether this process may write where the deployment writes."""
    name = "writing"
    if why := here.why_not():
        remedy = "run an unmodified commit, from a checkout or an image of it"
        return Check(name, "wrong", why, remedy if here.pipeline else "make a place for it, if there is none")
    store = here.open_trial_store()
    if isinstance(store, S3):
        may = bucket.may_write(store)
        if isinstance(may, Answer):
            return Check(name, "not checked", may.told)
        if may:
            return Check(name, "ok", f"these credentials may write below {store.where}")
        return Check(name, "wrong", f"the store says no below {store.where}", "let this identity do s3:PutObject there")
    try:
        with store.draft(f"{layout.TRIALS}/?") as draft:
            draft.write_bytes(b"?")
    except OSError as error:
        remedy = "give this user the right to write there, or set DATAOPS_DATA to a folder of its own"
        return Check(name, "wrong", f"{error.filename}: {error.strerror}", remedy)
    return Check(name, "ok", f"this user may write below {store.where}")


def _ban(name: str, store: Store) -> Check:
    """Whether prod is closed to this process by more than the code."""
    if isinstance(store, S3):
        may = bucket.may_write(store)
        if isinstance(may, Answer):
            return Check(name, "not checked", may.told)
        if may:
            told = "these credentials may write there: only the code holds them back"
            return Check(name, "wrong", told, f"take s3:PutObject on {store.where} from this identity")
        return Check(name, "ok", "the store refuses these credentials, as it should")
    if os.access(store.where, os.W_OK):
        return Check(name, "not checked", "this user may write to that folder: there the code alone forbids it")
    return Check(name, "ok", "this user may not write to that folder, as it should be")


def races_of(here: Deployment) -> dict[str, Callable[[], Store]]:
    """In which ways writers race, by name: a bucket takes large objects by other requests than small ones."""
    races: dict[str, Callable[[], Store]] = {"conditional writes": here.open_trial_store}
    if settings.in_a_bucket(here.data):
        races["writes in parts"] = partial(here.open_trial_store, in_parts=True)
    return races


def _conditional_writes(
    name: str, open_store: Callable[[], Store], here: Deployment, rounds: int, after_round: Callable[[], None]
) -> Iterator[Check]:
    try:
        found = probe(open_store, rounds, remove=here.removes, after_round=after_round)
    except PermissionError as error:
        rights = "s3:GetObject, s3:PutObject, s3:PutObjectTagging, s3:AbortMultipartUpload and s3:DeleteObject"
        yield Check(name, "wrong", f"{error.filename}: {error.strerror}", f"let this identity do {rights} there")
        return
    except OSError as error:
        yield Check(name, "wrong", f"{error.filename}: {error.strerror}", "no store to write to, until it answers every writer")
        return
    for breach in found.breaches:
        told = f"{breach.law}: not in {breach.rounds} of {found.rounds} rounds of {breach.act}, where {breach.told}"
        remedy = "publish nothing there: use a store that keeps what If-Match and If-None-Match say, or a disk that has locks"
        yield Check(name, "wrong", told, remedy)
    if not found.breaches:
        stays = f"; {found.left} stays, as prod removes nothing" if found.left else ""
        yield Check(name, "ok", f"one winner of {found.writers} writers in each of {2 * found.rounds} rounds{stays}")


def _dropping(store: Store) -> Check:
    """Whether a partition that a branch drops can be made again: nothing is lost where it cannot."""
    name = "dropping"
    try:
        said = makes_again(store)
    except OSError as error:
        return Check(name, "wrong", f"{error.filename}: {error.strerror}", "let this identity do s3:DeleteObject there")
    if said:
        told = "a partition of one's own that is dropped stays so: this store takes the mark of a removal for an object"
        return Check(name, "limited", told, "drop none there; who has, asks whoever may remove versions to remove the mark")
    return Check(name, "ok", "what is removed can be made again")


def _leftovers(here: Deployment, catalog: Catalog | None) -> Check:
    name = "leftovers"
    if catalog is None:
        return Check(name, "not checked", "the contracts do not load")
    try:
        found = sweep(Lake(catalog, here.store, drops=here.drops), datetime.now(UTC), remove=False)
    except OSError as error:
        rights = "s3:ListBucket, s3:ListBucketMultipartUploads and s3:GetObject"
        return Check(name, "wrong", f"{error.filename}: {error.strerror}", f"let this identity do {rights} there")
    if not (found.unfinished or found.orphans or found.outlived):
        return Check(name, "ok", "none")
    then = "the sensor `sweep` has them removed" if here.removes else "prod removes nothing"
    return Check(name, "ok", f"{found}: {then}")


def _areas(here: Deployment, catalog: Catalog | None) -> Check:
    """Whether what becomes of each area can be told."""
    name = "areas"
    if catalog is None:
        return Check(name, "not checked", "the contracts do not load")
    try:
        taken = list(keeping.expiry(here, catalog.policy, lambda: datetime.now(UTC)).run(lambda: datetime.now(UTC), act=False))
    except OSError as error:
        rights = "s3:ListBucket and s3:GetObject"
        return Check(name, "wrong", f"{error.filename}: {error.strerror}", f"let this identity do {rights} there")
    due = [one.path for one in taken if one.to]
    told = f"{len(due):,} are due" if due else "none is due"
    return Check(name, "ok", f"{told}: `dataops expire` tells which, and why")


def _access_logs(here: Deployment) -> Check:
    name = "access logs"
    try:
        found = keeping.access_logs(here, lambda: datetime.now(UTC), timedelta())
        late = found.late() if found else ""
    except OSError as error:
        return Check(
            name, "wrong", f"{error.filename}: {error.strerror}", "let this identity do s3:ListBucket, s3:GetObject there"
        )
    if late:
        return Check(name, "wrong", late, "turn them on, or unset DATAOPS_ACCESS_LOGS: until then, every area is kept")
    return Check(name, "ok", f"they come to {here.access_logs}")


def _mark(base: Store) -> Check:
    """Whether that is prod's storage: prod says so itself, from its first run on."""
    name = "mark of prod"
    if mark.is_prods(base):
        return Check(name, "ok", f"{base.where} is {mark.told(base)}")
    told = f"nothing in {base.where} says that it is prod's: its pipeline has not run yet, or DATAOPS_PROD names another place"
    return Check(name, "not checked", told)


def _reading(base: Store, catalog: Catalog | None) -> Check:
    """Whether an object of prod opens that branches may read."""
    name = "reading prod"
    if catalog is None:
        return Check(name, "not checked", "the contracts do not load")
    for dataset in catalog:
        if BRANCHES not in dataset.attributes.readers:
            continue
        try:
            for entry in base.list(f"{dataset.zone}/{dataset.name}"):
                base.sha256(entry.key, entry)
                return Check(name, "ok", f"{base.address(entry.key)} opens")
        except OSError as error:
            told = f"{error.filename}: {error.strerror}"
            return Check(name, "wrong", told, f"let this identity read it: {dataset.name} has `{BRANCHES}` among its readers")
    return Check(name, "not checked", f"nothing is published there yet that `{BRANCHES}` may read")
