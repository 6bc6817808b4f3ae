"""Which side a partition is read from, against a model: every small state, and whatever happens to prod and two branches."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataops_assets.contract import Catalog
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake, NotPublished
from dataops_assets.storage.publishing import drop
from dataops_assets.storage.s3 import S3
from dataops_assets_tests.branches import FAST, Branch, Remote, everything_in, let_branches_read
from dataops_assets_tests.s3_server import ONCE, Bucket, from_environment
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

PROD, ONE, TWO = "prod", "branch/pr-1", "branch/pr-2"
REFERENCE = "\n  references:\n    - {columns: [station], dataset: stations}"
SOAK = settings().max_examples > 1000
TOPS = ("raw", "staged", "quarantine", "curated", "_verdicts", "_provenance", "_sha256")
_deliveries = itertools.count()


def deliver(tree: Tree, day: str, value: float, good: bool = True) -> None:
    """Deliver a day whose rows all have a value, or one that its gate refuses, and run what follows."""
    changes = [{"temperature": value} | ({} if good else {"hour": 90 + row}) for row in range(4)]
    written = (
        NOW - timedelta(days=1) + next(_deliveries) * timedelta(milliseconds=1)
    )  # no two at one moment, be it in two trees
    tree.drop("readings", f"{day}.csv", readings(day, *changes), written)
    remake(tree, day)


def remake(tree: Tree, day: str) -> None:
    """Run a day, whether or not anything is pending."""
    tree.receive("readings", day)
    tree.stage("readings", day)


def values(tree: Tree, *days: str) -> list[float]:
    """The value of each day, as it is read."""
    rows = tree.read("readings", *days)
    assert rows["day"].cast(str).unique(maintain_order=True).to_list() == list(days)
    return rows["temperature"].gather_every(4).to_list()


# Every small state: what a branch has of a partition, what prod has of it, and whether branches may read it.

IN_PROD = {"nothing": [], "published": ["good"], "refused": ["bad"], "refused since": ["good", "bad"]}
HERE = IN_PROD | {"dropped": ["good", "drop"], "made again": ["good", "drop", "remake"], "prod's dropped": ["drop"]}
STATES = [
    (here, prod) for here in HERE for prod in IN_PROD if here != "prod's dropped" or prod in ("published", "refused since")
]
EVERY_DAY = {f"2024-01-{number:02}": state for number, state in enumerate(STATES, 1)}


def expected(here: str, prod: str, may: bool) -> str | None:
    """The model: the side that a partition is read from."""
    if here in ("published", "refused since", "made again"):
        return ONE
    if here in ("dropped", "prod's dropped"):
        return None
    return PROD if may and prod in ("published", "refused since") else None


@pytest.fixture(scope="module", params=[True, False], ids=["read by branches", "not read by branches"])
def small_states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Branch, bool]:
    """A branch in which each day is in a state of its own. Whoever reads a day sees 1 of prod, and 2 of the branch."""
    may = request.param
    prod = Tree(tmp_path_factory.mktemp("states") / "prod")
    prod.edit("readings/defs.yaml", "end: 2024-01-20", "end: 2024-01-31")
    let_branches_read(prod, *["stations/defs.yaml", "readings/defs.yaml"][: 1 + may])
    prod.drop("stations", "stations.csv", STATIONS)
    prod.run("stations")
    branch = Branch.of(prod)
    for day, (here, there) in EVERY_DAY.items():
        for what in IN_PROD[there]:
            deliver(prod, day, 1, what == "good")
        for what in HERE[here] if may or here != "prod's dropped" else ():
            if what == "drop":
                drop(branch.lake, branch["readings"], day)
            elif what == "remake":
                remake(branch, day)
            else:
                deliver(branch, day, 2, what == "good")
    return branch, may


@pytest.mark.parametrize("count", [1, 2, len(EVERY_DAY)])
def test_each_of_several_partitions_is_read_from_its_own_side(small_states: tuple[Branch, bool], count: int) -> None:
    branch, may = small_states
    sides = {day: expected(*state, may) for day, state in EVERY_DAY.items()}
    held = {day: side for day, side in sides.items() if side}
    assert {ONE, PROD} >= set(held.values()) >= {ONE}
    for days in [*itertools.combinations(EVERY_DAY, count), tuple(held), tuple(held)[::-1]]:
        missing = [day for day in days if sides[day] is None]
        if missing:
            with pytest.raises(NotPublished) as told:
                branch.read("readings", *days)
            assert str(told.value).startswith(f"staged/readings {missing[0]} ")
        else:
            assert values(branch, *days) == [2 if sides[day] == ONE else 1 for day in days]
        own, prods = (sum(sides[day] == side for day in days) for side in (ONE, PROD))
        assert f": {own} of its own, {prods} from prod" in branch.lake.sides(branch["readings"], days)


def test_every_partition_that_cannot_be_read_is_told_why(small_states: tuple[Branch, bool]) -> None:
    branch, may = small_states
    for day, (here, there) in EVERY_DAY.items():
        if expected(here, there, may):
            continue
        told = branch.lake.why_missing(branch["readings"], [day])
        if here == "dropped" or (here == "prod's dropped" and may):
            assert "was dropped here" in told
        elif here == "refused" or (there == "refused" and may):
            assert "its content gate refused it" in told
        else:
            assert ("was never delivered" if may else "`branches` is not among its readers") in told


# Whatever happens, in any order.


@dataclass
class Model:
    """What is read where, told without looking at any store."""

    delivered: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)
    published: dict[tuple[str, str], float] = field(default_factory=dict)
    dropped: set[tuple[str, str]] = field(default_factory=set)
    judged: set[tuple[str, str]] = field(default_factory=set)

    def read(self, side: str, day: str) -> tuple[str, float] | None:
        if (side, day) in self.published:
            return side, self.published[side, day]
        through = (PROD, day) in self.published and (side, day) not in self.dropped
        return (PROD, self.published[PROD, day]) if through else None

    def deliver(self, side: str, day: str, value: float, good: bool) -> None:
        self.delivered[side, day] = value, good
        self.remake(side, day)

    def remake(self, side: str, day: str) -> None:
        value, good = self.delivered.get((side, day)) or self.delivered.get((PROD, day)) or (0, False)
        differs = side == TWO and (PROD, day) in self.delivered  # its contract is not prod's
        here = (side, day) in self.delivered or (side, day) in self.judged or differs
        if here or (good and (side, day) in self.dropped):
            self.judged.add((side, day))
            if good:
                self.published[side, day] = value

    def drop(self, side: str, day: str) -> bool:
        if side == PROD or self.read(side, day) is None:
            return False
        self.published.pop((side, day), None)
        self.dropped.add((side, day))
        return True


DAYS = ["2024-01-01", "2024-01-02"]
HAPPENS = st.tuples(
    st.sampled_from(["deliver", "deliver", "refuse", "remake", "drop"]),
    st.sampled_from([PROD, ONE, TWO]),
    st.sampled_from(DAYS),
)


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Catalog]:
    """The contracts of prod and of two branches, the second with one of its own."""
    prod = Tree(tmp_path_factory.mktemp("contracts") / "prod")
    prod.edit("readings/defs.yaml", REFERENCE, "")  # what is looked up takes most of the time
    let_branches_read(prod, "readings/defs.yaml")
    one, two = Branch.of(prod, ONE), Branch.of(prod, TWO)
    two.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.1")
    return {name: tree.catalog() for name, tree in {PROD: prod, ONE: one, TWO: two}.items()}


@pytest.fixture(scope="module")
def unversioned() -> Iterator[Bucket]:
    """A bucket that keeps no versions."""
    with from_environment().bucket(versioned=False) as bucket:
        yield bucket


@contextmanager
def empty(catalogs: dict[str, Catalog]) -> Iterator[dict[str, Tree]]:
    """Prod and two branches in which nothing has happened yet."""
    with TemporaryDirectory(dir=FAST) as root:
        prod = Tree(Path(root) / "prod")
        one, two = Branch.of(prod, ONE), Branch.of(prod, TWO)
        prod._lake = Lake(catalogs[PROD], prod.store)  # reading the contracts again and again would take most of the time
        for name, branch in {ONE: one, TWO: two}.items():
            branch._lake = Lake(catalogs[name], branch.deployment.store, base=branch.deployment.base)
        yield {PROD: prod, ONE: one, TWO: two}


@contextmanager
def empty_on_s3(catalogs: dict[str, Catalog], bucket: Bucket, here: Path) -> Iterator[dict[str, Tree]]:
    """The same in a bucket that keeps no versions, since the server of these tests makes nothing over a delete marker."""
    top, client = f"world-{next(_deliveries)}", bucket.client(retries=ONCE)

    def store(name: str) -> S3:
        return S3(bucket.name, f"{top}/{name}", Folder(here), client=client)

    world = {name: Remote(here / top / name, own=store(name), base=None if name == PROD else store(PROD)) for name in catalogs}
    for name, tree in world.items():
        tree._lake = Lake(catalogs[name], tree.own, base=tree.base)
    yield {**world}


def all_of(tree: Tree) -> object:
    """All that lies in a tree, and when it was written."""
    if isinstance(tree, Remote):
        return [*tree.own.list("landing"), *(entry for top in TOPS for entry in tree.own.list(top))]
    return everything_in(tree.store.root)


@settings(max_examples=10_000 if SOAK else 150)
@given(happened=st.lists(HAPPENS, min_size=1, max_size=10))
def test_no_branch_reads_from_the_wrong_side_or_writes_outside_of_its_own(
    catalogs: dict[str, Catalog], happened: list[tuple[str, str, str]]
) -> None:
    with empty(catalogs) as world:
        follow(world, happened)


@pytest.mark.s3
@settings(max_examples=100 if SOAK else 5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=st.lists(HAPPENS, min_size=3, max_size=8))
def test_and_neither_does_one_in_a_bucket(
    catalogs: dict[str, Catalog], unversioned: Bucket, tmp_path: Path, happened: list[tuple[str, str, str]]
) -> None:
    with empty_on_s3(catalogs, unversioned, tmp_path) as world:
        follow(world, happened)


def follow(world: dict[str, Tree], happened: list[tuple[str, str, str]]) -> None:
    """Let things happen, and compare what is read and written with the model."""
    model = Model()
    for value, (what, side, day) in enumerate(happened):
        outside = {name: all_of(tree) for name, tree in world.items() if name != side}
        happen(world, model, what, side, day, value)
        for name, before in outside.items():
            assert all_of(world[name]) == before, f"{what} in {side} wrote to {name}"
        for name, day in itertools.product(world, DAYS):
            reads = model.read(name, day)
            held = world[name].lake.holder("staged", world[name]["readings"], day)
            assert (reads and world[reads[0]].store.where) == (held and held[0].where), f"{name} reads {day} from there"
            if reads:
                assert values(world[name], day) == [reads[1]]


def happen(world: dict[str, Tree], model: Model, what: str, side: str, day: str, value: int) -> None:
    tree = world[side]
    if what in ("deliver", "refuse"):
        deliver(tree, day, value, what == "deliver")
        model.deliver(side, day, value, what == "deliver")
    elif what == "remake":
        remake(tree, day)
        model.remake(side, day)
    elif model.drop(side, day):
        drop(tree.lake, tree["readings"], day)
    else:
        with pytest.raises(LookupError):
            drop(tree.lake, tree["readings"], day)
