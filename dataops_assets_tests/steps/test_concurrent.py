"""Several runs on one partition at once: a newer delivery is never beaten by an older one, and readers see one or the other."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from greenlet import getcurrent, greenlet

from dataops_assets import steps
from dataops_assets.contract import Dataset
from dataops_assets.gate.verdict import Verdict
from dataops_assets.steps import content, deriving, staging
from dataops_assets.storage import publishing
from dataops_assets.storage.deliveries import all_receipts
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.provenance import Provenance, records_of
from dataops_assets.storage.publishing import Contended
from dataops_assets.storage.store import hash_file
from dataops_assets_tests import racing
from dataops_assets_tests.killing import Died
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAY = "2024-01-05"
LATER = NOW + timedelta(hours=1)
RUNS = 4


@pytest.fixture
def waiting(tree: Tree) -> Tree:
    """A day that is received, and not staged."""
    tree.drop("stations", "stations.csv", STATIONS)
    tree.run("stations")
    deliver(tree, 1)
    return tree


def deliver(tree: Tree, warmth: float, now: datetime = NOW) -> None:
    tree.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 10 + warmth}))
    assert {outcome.status for outcome in tree.receive("readings", DAY, now=now)} == {"done"}


def warmest(tree: Tree) -> float:
    found = tree.read("readings", DAY)["temperature"].max()
    assert isinstance(found, float)
    return found


def meanwhile(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], object]) -> None:
    """Do something each time when a run has looked at what there is, and has not written yet."""
    real, left = staging.read_good, list(acts)

    def read(*arguments: Any, **named: Any) -> Any:
        found = real(*arguments, **named)
        if left:
            left.pop(0)()
        return found

    monkeypatch.setattr(staging, "read_good", read)


def test_run_on_an_older_delivery_takes_the_newer_one(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda: deliver(waiting, 2, LATER))
    [outcome] = waiting.stage("readings", DAY)
    assert (outcome.status, warmest(waiting)) == ("done", 12)
    assert waiting.pending("staged", "readings") == []


def test_run_on_an_older_delivery_does_not_beat_one_on_a_newer(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_run() -> None:
        deliver(waiting, 2, LATER)
        [done] = staging.stage(waiting.lake, waiting["readings"], [DAY], "other", LATER)
        assert done.status == "done"

    meanwhile(monkeypatch, other_run)
    [outcome] = waiting.stage("readings", DAY)
    published = waiting.lake.published(waiting["readings"], DAY)
    assert published
    assert (published.run_id, outcome.version, warmest(waiting)) == ("other", published.sha256, 12)
    assert len(waiting.lake.verdicts("content", waiting["readings"], DAY)) == 1, "the older one was never judged"


def test_run_that_was_overtaken_changes_nothing(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda: list(staging.stage(waiting.lake, waiting["readings"], [DAY], "other", LATER)))
    [outcome] = waiting.stage("readings", DAY)
    assert outcome.status == "done"
    assert outcome.version
    assert [made.run_id for made in records_of(waiting.store, outcome.version, waiting.lake.catalog.datasets)] == ["other"]
    assert outcome.facts["note"] == "overtaken by run other, which came first: nothing was written here"


def test_partition_that_never_stands_still_is_given_up_for_now(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "jitter_seconds", lambda attempt: 0)  # there is nobody to make way for
    changes = [lambda k=k: deliver(waiting, k, LATER + timedelta(minutes=k)) for k in range(2, 30)]  # type: ignore[misc]
    meanwhile(monkeypatch, *changes)
    with pytest.raises(Contended, match=r"staged/readings 2024-01-05 was changed by others \d+ times while it was made"):
        waiting.stage("readings", DAY)
    assert waiting.lake.published(waiting["readings"], DAY) is None
    monkeypatch.undo()
    assert {outcome.status for outcome in waiting.stage("readings", DAY)} == {"done"}


def test_input_that_changed_while_it_was_read_is_read_again(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.edit("readings/defs.yaml", "start: 2024-01-01", f"start: {DAY}")
    waiting.edit("readings/defs.yaml", "end: 2024-01-20", f"end: {DAY}")
    deliver(waiting, 1)
    waiting.run("readings")
    real, changed = type(waiting.lake).scan_versions, []

    def scan(*arguments: object) -> pl.LazyFrame:
        if not changed:
            changed.append(True)
            deliver(waiting, 2, LATER)
            waiting.stage("readings", DAY, now=LATER)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(waiting.lake), "scan_versions", scan)
    [outcome] = waiting.derive("daily", "2024-01")
    made = waiting.lake.published(waiting["daily"], "2024-01")
    assert (outcome.status, changed) == ("done", [True])
    assert made
    assert made.depends_on["inputs"]["readings"] == {DAY: waiting.lake.version("staged", waiting["readings"], DAY)}
    assert waiting.read("daily", "2024-01")["warmest"].max() == 12


def test_input_whose_bytes_came_again_while_it_was_read_is_read_again(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A, B, A: what was read of a folder may be B."""
    waiting.edit("readings/defs.yaml", "start: 2024-01-01", f"start: {DAY}")
    waiting.edit("readings/defs.yaml", "end: 2024-01-20", f"end: {DAY}")
    waiting.run("readings")
    real, left = deriving.judge_product, [(2, LATER), (1, LATER + timedelta(hours=1))]

    def judge(*arguments: Any) -> Any:
        if not left:
            return real(*arguments)
        deliver(waiting, *left.pop(0))
        waiting.stage("readings", DAY, now=LATER)
        found = real(*arguments)
        deliver(waiting, *left.pop(0))
        waiting.stage("readings", DAY, now=LATER + timedelta(hours=1))
        return found

    monkeypatch.setattr(deriving, "judge_product", judge)
    [outcome] = waiting.derive("daily", "2024-01")
    assert (outcome.status, left) == ("done", [])
    assert waiting.read("daily", "2024-01")["warmest"].max() == warmest(waiting) == 11


def test_reference_that_is_replaced_while_it_is_read_is_read_again(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = Lake.scan_versions, [True]

    def scan(self: Lake, dataset: Dataset, made: Any) -> pl.LazyFrame:
        if dataset.name == "stations" and left:
            left.pop()
            waiting.drop("stations", "stations.csv", "station,height\noslo,94\nvoss,58\n")
            waiting.run("stations", now=LATER)
        return real(self, dataset, made)

    monkeypatch.setattr(Lake, "scan_versions", scan)
    [outcome] = waiting.stage("readings", DAY)
    assert outcome.status == "done"
    assert waiting.read("readings", DAY)["station"].unique().to_list() == ["oslo"]


def test_run_that_was_followed_by_another_does_not_say_that_it_wrote_nothing(
    waiting: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = content.publish, [True]

    def publish(*arguments: Any) -> Provenance:
        made = real(*arguments)
        if left:
            left.pop()
            deliver(waiting, 2, LATER)
            list(staging.stage(waiting.lake, waiting["readings"], [DAY], "other", LATER))
        return made

    monkeypatch.setattr(content, "publish", publish)
    [outcome] = waiting.stage("readings", DAY)
    assert (outcome.status, outcome.facts["note"]) == ("done", "")


def test_run_that_began_before_a_reference_changed_takes_the_newer_one(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is still at another day when the reference changes, and somebody else stages this one."""
    before = "2024-01-04"
    waiting.drop("readings", f"{before}.csv", readings(before))
    waiting.receive("readings", before)

    def without_bergen() -> None:
        waiting.drop("stations", "stations.csv", "station,height\noslo,94\nvoss,58\n")
        waiting.run("stations", now=LATER)
        [done] = staging.stage(waiting.lake, waiting["readings"], [DAY], "other", LATER)
        assert done.status == "done"

    meanwhile(monkeypatch, without_bergen)
    assert {outcome.status for outcome in waiting.stage("readings", before, DAY)} == {"done"}
    published = waiting.lake.published(waiting["readings"], DAY)
    assert published
    assert published.run_id == "other"
    assert waiting.read("readings", before, DAY)["station"].unique().to_list() == ["oslo"]
    assert waiting.pending("staged", "readings") == []


def before_it(monkeypatch: pytest.MonkeyPatch, key: str, act: Callable[[], object]) -> None:
    """Do something just before a run writes an object whose key begins so."""
    real_create, real_replace, left = Folder.create, Folder.replace, [act]

    def first(self: Folder, written: str) -> None:
        if left and written.startswith(key):
            left.pop()()

    def create(self: Folder, written: str, *more: object) -> None:
        first(self, written)
        real_create(self, written, *more)  # type: ignore[arg-type]

    def replace(self: Folder, written: str, *more: object) -> None:
        first(self, written)
        real_replace(self, written, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Folder, "create", create)
    monkeypatch.setattr(Folder, "replace", replace)


@pytest.mark.parametrize("key", ["_verdicts/content/readings", "_sha256", "_provenance/staged/readings", "staged/readings"])
def test_run_that_sleeps_before_a_write_changes_nothing_that_came_after_it(
    waiting: Tree, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def newer() -> None:
        deliver(waiting, 2, LATER)
        [done] = staging.stage(waiting.lake, waiting["readings"], [DAY], "other", LATER)
        assert done.status == "done"

    before_it(monkeypatch, key, newer)
    [outcome] = waiting.stage("readings", DAY)
    published = waiting.lake.published(waiting["readings"], DAY)
    assert published
    assert (outcome.status, outcome.version, published.run_id, warmest(waiting)) == ("done", published.sha256, "other", 12)
    assert waiting.pending("staged", "readings") == []


def test_older_bytes_that_come_again_are_not_beaten_by_a_run_that_slept(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.stage("readings", DAY)  # A
    deliver(waiting, 2, LATER)  # B, whose run sleeps before it is seen

    def again() -> None:
        deliver(waiting, 1, LATER + timedelta(hours=1))  # A again: its bytes stand there
        [done] = staging.stage(waiting.lake, waiting["readings"], [DAY], "again", LATER)
        assert done.status == "done"

    before_it(monkeypatch, "staged/readings", again)
    waiting.stage("readings", DAY)
    assert warmest(waiting) == 11
    assert waiting.pending("staged", "readings") == []


def test_older_run_that_comes_between_a_look_and_its_confirmation_is_replaced(
    waiting: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A, B, A, and then a refusal: whoever confirms the second A has nothing to mend it with later."""
    waiting.stage("readings", DAY)  # A
    deliver(waiting, 2, LATER)
    this, key = getcurrent(), f"staged/readings/date={DAY}/data.parquet"
    sleeps = greenlet(lambda: list(staging.stage(waiting.lake, waiting["readings"], [DAY], "sleeps", LATER)))
    real_replace, real_record = Folder.replace, publishing.record

    def replace(self: Folder, written: str, *more: object) -> None:
        slept = getcurrent() is sleeps and written == key
        if slept:
            this.switch()
        real_replace(self, written, *more)  # type: ignore[arg-type]
        if slept:
            this.switch()  # and is killed

    def record(*arguments: Any) -> Provenance:
        made = real_record(*arguments)
        if getcurrent() is this and made.zone == "staged" and not refused:
            refused.append(True)
            sleeps.switch()
            waiting.drop("readings", f"{DAY}.csv", readings(DAY, *[{"hour": 99}] * 4))
            waiting.receive("readings", DAY, now=LATER + timedelta(hours=2))
        return made

    refused: list[bool] = []
    monkeypatch.setattr(Folder, "replace", replace)
    monkeypatch.setattr(publishing, "record", record)
    sleeps.switch()
    deliver(waiting, 1, LATER + timedelta(hours=1))
    [outcome] = waiting.stage("readings", DAY, now=LATER + timedelta(hours=1))
    assert (outcome.status, refused, warmest(waiting)) == ("done", [True], 11)
    [outcome] = waiting.stage("readings", DAY, now=LATER + timedelta(hours=2))
    assert (outcome.status, warmest(waiting)) == ("refused", 11)


def test_right_bytes_under_an_older_number_are_given_the_newer_one(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A, B, A: the run on the second A dies after its verdict, the next one ends, and only then that on B goes on."""
    waiting.stage("readings", DAY)  # A
    deliver(waiting, 2, LATER)
    this = getcurrent()
    sleeps = greenlet(lambda: list(staging.stage(waiting.lake, waiting["readings"], [DAY], "sleeps", LATER)))
    real = content.publish

    def publish(*arguments: Any) -> Provenance:
        if getcurrent() is not sleeps:
            raise Died
        this.switch()
        made = real(*arguments)
        this.switch(made)  # and is killed
        return made

    with monkeypatch.context() as patch:
        patch.setattr(content, "publish", publish)
        sleeps.switch()
        deliver(waiting, 1, LATER + timedelta(hours=1))
        with pytest.raises(Died):
            waiting.stage("readings", DAY, now=LATER + timedelta(hours=1))
    assert waiting.pending("staged", "readings") == [DAY]
    [outcome] = waiting.stage("readings", DAY, now=LATER + timedelta(hours=1))
    sleeps.switch()
    assert (outcome.status, warmest(waiting)) == ("done", 11)


def test_receipt_of_an_older_arrival_does_not_come_last(waiting: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.drop("readings", f"{DAY}.csv", readings(DAY, {"temperature": 12}))

    def newer() -> None:
        deliver(waiting, 3, LATER)

    before_it(monkeypatch, f"raw/readings/date={DAY}/_deliveries", newer)
    [outcome] = waiting.receive("readings", DAY)
    counts = [receipt.number for receipt in all_receipts(waiting.store, waiting["readings"], DAY)]
    assert counts == [1, 2]
    assert "waiting for: the run that received another delivery meanwhile" in outcome.facts["note"]
    assert waiting.pending("raw", "readings") == []
    waiting.stage("readings", DAY)
    assert warmest(waiting) == 13


def test_rows_that_a_version_left_behind_stay_if_it_is_published_while_the_next_is_refused(
    waiting: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that publishes sleeps after its verdict, and goes on when the one that is refused has seen what to keep."""
    waiting.drop("readings", f"{DAY}.csv", readings(DAY, {"hour": 98}))
    waiting.receive("readings", DAY)
    ended: list[steps.Outcome] = []
    publishes = greenlet(lambda: ended.extend(waiting.stage("readings", DAY)))
    real_publish, real_say = content.publish, content.say
    this = getcurrent()

    def publish(*arguments: Any) -> Provenance:
        if getcurrent() is publishes and not ended and not slept:
            slept.append(True)
            this.switch()
        return real_publish(*arguments)

    def say(*arguments: Any) -> Verdict:
        if getcurrent() is this and not publishes.dead:
            publishes.switch()
        return real_say(*arguments)

    slept: list[bool] = []
    monkeypatch.setattr(content, "publish", publish)
    monkeypatch.setattr(content, "say", say)
    publishes.switch()
    waiting.drop("readings", f"{DAY}.csv", readings(DAY, *[{"hour": 99}] * 3))
    waiting.receive("readings", DAY, now=LATER)
    [refused] = waiting.stage("readings", DAY, now=LATER)

    assert (ended[0].status, refused.status) == ("done", "refused")
    assert waiting.read("readings", DAY).height == 3
    assert waiting.quarantine("readings", DAY)["hour"].to_list() == ["98", "99", "99", "99"]
    assert waiting.pending("staged", "readings") == []


def test_many_runs_at_once(waiting: Tree, pytestconfig: pytest.Config) -> None:
    """Each delivery is a degree warmer than the one before, so what is read must never get colder."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", racing.__name__])
    until = time.time() + 8 * pytestconfig.getoption("--rounds")
    runs = [processes.Process(target=racing.keep_running, args=(waiting.root, until, DAY)) for _ in range(RUNS)]
    for run in runs:
        run.start()
    seen, warmth = [], 10
    while time.time() < until:
        warmth += warmth < 59
        text, written = readings(DAY, {"temperature": warmth}), datetime.now(UTC) - timedelta(hours=1)
        waiting.drop("readings", f"{DAY}.csv", text, written=written)
        for _ in range(20):
            if waiting.lake.published(waiting["readings"], DAY):
                seen.append(_read_whole(waiting, waiting.store.path(f"staged/readings/date={DAY}/data.parquet")))
            time.sleep(0.02)
    for run in runs:
        run.join()
        assert run.exitcode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    waiting.run("readings", now=datetime.now(UTC))
    assert warmest(waiting) == warmth
    assert waiting.pending("staged", "readings", now=datetime.now(UTC)) == []


def _read_whole(tree: Tree, path: Path) -> float:
    """What stands there, read once; its bytes are explained by a record."""
    data = path.read_bytes()
    copy = tree.root / "copy.parquet"
    copy.write_bytes(data)
    assert records_of(tree.store, hash_file(copy), tree.lake.catalog.datasets), "bytes without a record could be seen"
    found = pl.read_parquet(data)["temperature"].max()
    assert isinstance(found, float)
    return found
