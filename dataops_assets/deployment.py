"""Which deployment this is: where it reads and writes, and as whom. The only module that reads the environment.

An unknown or incomplete deployment fails at once, naming the variable.
"""

import difflib
import logging
import os
import pwd
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Literal, cast

from dataops_assets import checkout, settings
from dataops_assets.settings import DeploymentError
from dataops_assets.storage import layout, mark
from dataops_assets.storage.errors import Forbidden
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.provenance import MadeBy
from dataops_assets.storage.store import Entry, Store, nobody_watches

KINDS = "local, dev/<person>, branch/pr-<number>, adhoc or prod; a person is letters and digits, with single . _ - in between"
_SHARED = re.compile(r"dev/[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*|branch/pr-[0-9]+")
_OURS = "DATAOPS_"
_VARIABLES = (
    "DEPLOYMENT",
    "DATA",
    "LANDING",
    "PROD",
    "PIPELINE",
    "CACHE",
    "COMMIT",
    "IMAGE",
    "UI",
    "ERASURE_KEY",
    "EXPIRY",
    "WEBHOOK",
    "ACCESS_LOGS",
)
"""What comes after it."""
_OF_AREAS = re.compile(r"(adhoc|branch|dev|trash)/.+|_\w+\.lock")
"""What the deployment of the ad-hoc areas writes: areas, those of branches and people too, and locks."""
_AREAS = {"adhoc": 2, "branch": 2, "dev": 2, "trash": 4}
"""Where others work in a shared store, and how many names lead to one: `dev/<person>`, `trash/dev/<person>/<number>`."""
_log = logging.getLogger("dataops.denied")


@dataclass(frozen=True)
class Deployment:
    """Where this process reads and writes.

    Attributes:
        name: `local`, `dev/<person>`, `branch/pr-<n>`, `adhoc` or `prod`.
        data: The folder, or the address `s3://bucket/prefix`, of all that it writes; of `adhoc`, what dev and branches share.
        prod: The same of prod, which a branch or dev deployment reads through to, and `adhoc` reads; else None.
        pipeline: The identity that alone writes to prod; None where this is not prod.
        cache: The folder on this machine for drafts and what was read of a bucket.
        dagster_home: The folder of the Dagster instance, or None: then the `dagster.yaml` of the working directory counts.
        ui: The address of the Dagster UI, for links.
        erasure_key: The secret key of the hashes in erasure requests, if it is known here.
        expires: Whether areas that are due may go; else it is only told which would.
        webhook: Where the owner of an area is told that it is marked: an address that takes JSON; None if nobody asked for it.
        access_logs: Where the server access logs of the bucket of the areas lie; None if they are not read.
        landing: Where providers drop, a folder or address as `data`; None if that is there.
    """

    name: str
    data: str
    prod: str | None = None
    pipeline: str | None = None
    cache: Path = checkout.PROJECT / ".dataops"
    dagster_home: Path | None = None
    ui: str = "http://127.0.0.1:3000"
    erasure_key: bytes | None = field(default=None, repr=False)
    expires: bool = False
    webhook: str | None = field(default=None, repr=False)  # who knows the address may post there
    access_logs: str | None = None
    landing: str | None = None

    @cached_property
    def store(self) -> Store:
        """The store that this deployment writes."""
        return self.open_store()

    def open_store(self, in_parts: bool = False) -> Store:
        """The same store once more, with a connection of its own.

        Args:
            in_parts: Whether a bucket is given each object as it is given a large one.
        """
        return self._open(self.data, self.permit, self._told_by_the_store, in_parts)

    @cached_property
    def drops(self) -> Store | None:
        """The store that providers drop into, if landing lies apart from the rest."""
        if self.landing is None:
            return None
        return self._open(self.landing, partial(self.permit, at=self.landing), self._told_by_the_store)

    def require_drops(self) -> None:
        """Refuse a folder of drops that is not there, as a share that is not mounted: it would look as if nobody had delivered.

        Raises:
            DeploymentError: It is not there.
        """
        if self.landing and not settings.in_a_bucket(self.landing) and not Path(self.landing).is_dir():
            raise DeploymentError(f"DATAOPS_LANDING is {self.landing}, which is no folder: make it, or name one that there is")

    def open_trial_store(self, in_parts: bool = False) -> Store:
        """A store to try what the store can: the same, but for `adhoc`, which writes below a few prefixes alone."""
        if self.name != "adhoc":
            return self.open_store(in_parts)
        return self._open(f"{self.data}/trash", lambda key: self.permit(f"trash/{key}"), self._told_by_the_store, in_parts)

    @cached_property
    def base(self) -> Store | None:
        """The store that it reads through to, or alone, and never writes."""
        return self._open(self.prod, self._never, self._told_by_the_store) if self.prod else None

    @property
    def datasets(self) -> tuple[Store, Store | None]:
        """Where its datasets lie, and where what of them is not there is read through to."""
        if self.name == "adhoc" and self.base:
            return self.base, None
        return self.store, self.base

    @property
    def makes_datasets(self) -> bool:
        """Whether datasets are received, staged and derived here."""
        return self.name != "adhoc"

    @property
    def areas(self) -> Store | None:
        """Where the areas lie that are looked after here; None if that is done elsewhere."""
        return self.store if self.name in ("local", "adhoc") else None

    @property
    def area(self) -> tuple[Literal["branch", "dev"], str] | None:
        """The kind and name of the area that it is itself; None if it is none."""
        kind, _, name = self.name.partition("/")
        return (cast(Literal["branch", "dev"], kind), name) if kind in ("branch", "dev") else None

    def open_logs(self) -> tuple[Store, str] | None:
        """A store with the access logs, which it never writes, and the prefix that they lie below."""
        if self.access_logs is None:
            return None
        top, _, below = self.access_logs.rpartition("/")
        return self._open(top, self._never, self._told_by_the_store), below

    def _open(
        self,
        address: str,
        permit: Callable[[str], None],
        denied: Callable[[PermissionError], None],
        in_parts: bool = False,
    ) -> Store:
        if not settings.in_a_bucket(address):
            return Folder(Path(address), permit, denied)
        from dataops_assets.storage.s3 import S3  # boto3 takes half a second, and most have no bucket

        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        return S3(bucket, prefix, Folder(self.cache), permit, denied, in_parts=in_parts)

    def areas_of_others(self) -> Iterator[tuple[Store, list[Entry]]]:
        """The areas that lie in the same store as this deployment, and what lies in each: branches, dev, experiments."""
        if self.name == "prod":
            return
        shared = self.data.removesuffix(f"/{self.name}") if self.area else self.data
        whole = self._open(shared, self._not_ours, nobody_watches)
        lying = [(_area_of(entry, depth), entry) for kind, depth in _AREAS.items() for entry in whole.list(kind)]
        for name, found in groupby(lying, lambda pair: pair[0]):
            if name != self.name:
                entries = [replace(entry, key=entry.key[len(name) + 1 :]) for _, entry in found]
                yield self._open(f"{shared}/{name}", self._not_ours, nobody_watches), entries

    def _not_ours(self, key: str) -> None:
        raise Forbidden(key, f"{self.name} reads the areas of others, and never writes there")

    @property
    def removes(self) -> bool:
        """Whether anything is ever removed here: prod ends things by the rules of its bucket alone."""
        return self.pipeline is None

    def made_by(self) -> MadeBy:
        """Who runs this process, and which code it is."""
        commit, clean = code()
        return MadeBy(
            identity=identity(settings.in_a_bucket(self.data)),
            version=_version(),
            git_commit=commit,
            clean=clean,
            image=os.environ.get("DATAOPS_IMAGE"),
        )

    def _never(self, key: str) -> None:
        raise self._denied(f"{self.prod}/{key}", f"{self.name} reads prod, and never writes there")

    @cached_property
    def _is_in_prods(self) -> str:
        """The folder or prefix that prod has marked as its own, if this process writes into it; else empty."""
        places = (place for place in _up_from(self.data) if mark.is_prods(self._open(place, self._never, nobody_watches)))
        return next(places, "")

    def why_not(self) -> str:
        """Why this process may not write here; empty if it may.

        To prod writes only the pipeline, running an unmodified commit; nobody else writes where prod has left its mark.

        Raises:
            PermissionError: There are no credentials, or AWS does not know them.
        """
        if self.pipeline is None:
            place = self._is_in_prods
            return place and f"{place} is prod's: set DATAOPS_DATA to where {self.name} may write"
        made_by = self.made_by()
        if made_by.identity != self.pipeline:
            why = f"{made_by.identity} is not {self.pipeline} (DATAOPS_PIPELINE), which alone writes to prod"
            return f"{why}: merge the change, and the pipeline does"
        if made_by.git_commit is None:
            return "it is not known which commit this code is: run it from a checkout, or an image of it"
        if not made_by.clean:
            return f"the code is not just commit {made_by.git_commit[:12]}: prod is written by an unmodified commit"
        return ""

    def permit(self, key: str, at: str | None = None) -> None:
        """Let this process write a key, or tell it and whoever watches that it may not. Prod's first write is that of its mark.

        Args:
            key: Which.
            at: Where, if that is not where the data lies.

        Raises:
            Forbidden: It may not.
        """
        try:
            why = self.why_not()
        except PermissionError as error:
            if self.pipeline is None:
                raise
            why = f"{error.filename}: {error.strerror}"
        if not why and self.name == "adhoc" and not _OF_AREAS.fullmatch(key):
            why = "adhoc writes below adhoc/, branch/, dev/ and trash/ alone"
        if why:
            raise self._denied(f"{at or self.data}/{key}", why)
        if self.pipeline and key != layout.MARK and not key.startswith(f"{layout.TRIALS}/"):
            mark.leave(self.store, self.pipeline)

    def _told_by_the_store(self, error: PermissionError) -> None:
        """Let whoever watches know what a store denies an identity that the code took for one that may."""
        if self.name != "local":  # which nobody watches
            self._log_denial(str(error.filename), str(error.strerror))

    def _denied(self, place: str, why: str) -> Forbidden:
        """What whoever tries it is told; whoever watches is, too."""
        self._log_denial(place, why)
        return Forbidden(place, why)

    def _log_denial(self, place: str, why: str) -> None:
        try:
            who = identity(settings.in_a_bucket(self.data))
        except PermissionError as error:
            who = f"nobody that is known ({error.strerror})"
        told = {"event": "write_denied", "deployment": self.name, "place": place, "identity": who}
        _log.error("write denied: %s as %s: %s", place, who, why, extra=told)


def _area_of(entry: Entry, depth: int) -> str:
    return "/".join(entry.key.split("/")[:depth])


def _up_from(address: str) -> list[str]:
    """A folder and all that it lies in; a prefix of a bucket and all that are above it."""
    if not settings.in_a_bucket(address):
        return [address, *map(str, Path(address).parents)]
    bucket, *steps = address.removeprefix("s3://").split("/")
    return ["/".join(["s3:/", bucket, *steps[:length]]) for length in range(len(steps), -1, -1)]


@lru_cache(maxsize=2)
def identity(in_aws: bool) -> str:
    """Who this process is: the role or user of the credentials that AWS knows, or who is logged in here.

    Raises:
        PermissionError: There are no credentials, or AWS does not know them.
    """
    if in_aws:
        from dataops_assets.storage.aws import caller

        return caller()
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    except KeyError:  # a user without a name
        return f"{os.getuid()}@{socket.gethostname()}"


@cache
def _version() -> str:
    return version("dataops_assets")


def code() -> tuple[str | None, bool | None]:
    """The commit that runs here, and whether the code is just that; an image says so by `DATAOPS_COMMIT`."""
    return checkout.code(os.environ.get("DATAOPS_COMMIT"))


def current(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The deployment that the environment describes.

    Variables:
        DATAOPS_DEPLOYMENT: `local` (the default), `dev/<person>`, `branch/pr-<number>`, `adhoc` or `prod`.
        DATAOPS_DATA: Where its data lies, a folder or `s3://bucket[/prefix]`; of dev and branches, that which they share, each
            below its own name, and ad-hoc areas below `adhoc/`. Default, for local alone: `data/` in the checkout, or in the
            working directory where the package is installed.
        DATAOPS_LANDING: For local and prod: where providers drop, a folder or address as `DATAOPS_DATA`. Default: there.
        DATAOPS_PROD: For dev, branches and adhoc: where prod's data lies.
        DATAOPS_EXPIRY: `on` lets areas go that are due, where they are looked after: in local and adhoc. Default `off`.
        DATAOPS_WEBHOOK: There: the address that is told, as JSON, of each area that is marked.
        DATAOPS_ACCESS_LOGS: There: where the server access logs of the bucket lie, by which reads past us are seen.
        DATAOPS_PIPELINE: For prod: the identity of its pipeline, the ARN of a role; of a folder, `user@host`.
        DATAOPS_CACHE: The folder on this machine for drafts and what was read of a bucket, each deployment below its own name.
            Default `.dataops/` beside `data/`.
        DATAOPS_COMMIT, DATAOPS_IMAGE: For an image: the commit it was built from, and its digest.
        DAGSTER_HOME: As Dagster knows it.
        DATAOPS_UI: The address of the Dagster UI. Default that of `make dev`.
        DATAOPS_ERASURE_KEY: The secret key of the hashes in `defs/erasures.yaml`, at least 32 characters.

    Raises:
        DeploymentError: A variable is missing, or has a value that means nothing; or there is one of another name.
    """
    for variable in environment:
        if variable.startswith(_OURS) and variable[len(_OURS) :] not in _VARIABLES:
            near = difflib.get_close_matches(variable[len(_OURS) :], _VARIABLES, 1)
            meant = f"did you mean {_OURS}{near[0]}?" if near else f"there are {_OURS}{', _'.join(_VARIABLES)}"
            raise DeploymentError(f"{variable} is set, but means nothing here: {meant}")
    name = environment.get("DATAOPS_DEPLOYMENT") or "local"
    commit = environment.get("DATAOPS_COMMIT")
    if commit and not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise DeploymentError(f"DATAOPS_COMMIT is {commit!r}, no commit: write all of its hexadecimal digits")
    base = checkout.PROJECT if (checkout.PROJECT / "pyproject.toml").exists() else Path.cwd()
    home = environment.get("DAGSTER_HOME")
    prod = pipeline = None
    if name == "local":
        data = settings.address("DATAOPS_DATA", environment.get("DATAOPS_DATA") or str(base / "data"))
        if settings.in_a_bucket(data):
            raise DeploymentError(f"DATAOPS_DATA is {data}, but local is a folder: name one, or set DATAOPS_DEPLOYMENT")
    elif name == "prod":
        data = settings.needed(environment, "DATAOPS_DATA", name, "s3://bucket of prod's data")
        pipeline = environment.get("DATAOPS_PIPELINE") or settings.missing("DATAOPS_PIPELINE", name, "role of its pipeline")
    elif _SHARED.fullmatch(name) or name == "adhoc":
        shared = settings.needed(environment, "DATAOPS_DATA", name, "s3://bucket that dev and branches share")
        prod = settings.needed(environment, "DATAOPS_PROD", name, "s3://bucket of prod's data")
        data = shared if name == "adhoc" else f"{shared}/{name}"
        if f"{data}/".startswith(f"{prod}/") or f"{prod}/".startswith(f"{data}/"):
            raise DeploymentError(f"DATAOPS_DATA is {shared}, which is prod's (DATAOPS_PROD): name what {name} writes")
    else:
        raise DeploymentError(f"DATAOPS_DEPLOYMENT is {name!r}, which is no deployment: write {KINDS}")
    return Deployment(
        name,
        data,
        prod,
        pipeline,
        Path(environment.get("DATAOPS_CACHE") or base / ".dataops").expanduser().absolute() / name,
        Path(home) if home else None,
        environment.get("DATAOPS_UI", "http://127.0.0.1:3000").rstrip("/"),
        settings.erasure_key(environment),
        settings.switched_on(environment.get("DATAOPS_EXPIRY") or "off"),
        settings.webhook(environment.get("DATAOPS_WEBHOOK") or None),
        settings.logs(environment.get("DATAOPS_ACCESS_LOGS")),
        settings.landing(environment.get("DATAOPS_LANDING"), name, data),
    )
