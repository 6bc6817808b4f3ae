"""Providers that are asked: a function brings what others drop."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.steps import Outcome, receiving
from dataops_assets.storage import deliveries, landing
from dataops_assets_tests.trees import NOW, Tree, readings

DAY, NEXT = "2024-01-05", "2024-01-06"
FILES = 'files: "{partition}.csv"'
GOOD, OTHER = readings(DAY), readings(DAY, {"temperature": 9})


def received(tree: Tree, now: datetime = NOW) -> Outcome:
    [outcome] = tree.receive("readings", DAY, now=now)
    return outcome


FETCH = """
    def fetch(partition, folder):
        (folder / partition).mkdir()
        (folder / partition / "readings.csv").write_text(
            "station,day,hour,temperature,note\\n" + f"oslo,{partition},1,1.5,\\n"
        )
    """


def test_function_brings_a_partition_as_a_provider_would(tree: Tree) -> None:
    tree.write("readings/fetch.py", FETCH)
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/readings.csv"')
    now = datetime.now(UTC) + timedelta(seconds=1)  # what is brought is a moment old, and yet not waited for
    assert tree.pending("raw", "readings", now)[:2] == ["2024-01-01", "2024-01-02"]

    outcomes = tree.receive("readings", DAY, NEXT, now=now)

    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    lying = landing.arrivals(tree.store, tree["readings"], now + timedelta(minutes=1))
    assert {day: [entry.key for entry in arrival.files] for day, arrival in lying.items() if not arrival.waiting_for} == {
        day: [f"landing/readings/{day}/readings.csv"] for day in (DAY, NEXT)
    }
    kept = deliveries.all_receipts(tree.store, tree["readings"], DAY)
    assert [receipt.sha256 for receipt in kept] == [outcomes[0].version]
    assert DAY not in tree.pending("raw", "readings", now)


def test_function_is_not_asked_for_what_was_received(tree: Tree) -> None:
    tree.drop("readings", f"{DAY}.csv", GOOD)
    assert received(tree).status == "done"
    tree.write("readings/fetch.py", "def fetch(partition, folder):\n    raise AssertionError\n")
    assert received(tree).status == "done"
    tree.drop("readings", f"{DAY}.csv", OTHER)
    assert received(tree).version == hashlib.sha256(OTHER.encode()).hexdigest()


FETCH_PARTS = """
    def fetch(partition, folder):
        (folder / partition).mkdir()
        for part in ("1", "2"):
            rows = f"oslo,{partition},{part},1.5,\\n"
            (folder / partition / f"{part}.csv").write_text("station,day,hour,temperature,note\\n" + rows)
    """
DONE = '        (folder / partition / "0_DONE").touch()\n'


@pytest.mark.parametrize("proof", ["", '\n    complete: {marker: "{partition}/0_DONE"}'])
def test_fetch_that_was_killed_half_way_is_made_again(tree: Tree, monkeypatch: pytest.MonkeyPatch, proof: str) -> None:
    tree.write("readings/fetch.py", FETCH_PARTS.rstrip(" ") + (DONE if proof else ""))
    tree.edit("readings/defs.yaml", FILES, f'files: "{{partition}}/*.csv"{proof}')
    copy, copied = receiving.shutil.copyfile, list[str]()

    def killed(source: Path, target: Path) -> None:
        if copied and copied[-1].endswith(".csv"):
            raise KeyboardInterrupt
        copied.append(source.name)
        copy(source, target)

    monkeypatch.setattr(receiving.shutil, "copyfile", killed)
    with pytest.raises(KeyboardInterrupt):
        received(tree)
    monkeypatch.undo()
    assert copied == ["1.csv"]  # what proves that it is whole comes last

    outcome = received(tree, NOW + timedelta(hours=1))
    assert (outcome.status, outcome.facts["rows"]) == ("done", 2)


def test_fetch_that_fails_is_told_and_holds_up_no_other_partition(tree: Tree) -> None:
    tree.write(
        "readings/fetch.py", FETCH + f"    if partition == '{DAY}':\n            raise ConnectionError('503 from the lab')\n"
    )
    tree.edit("readings/defs.yaml", FILES, 'files: "{partition}/readings.csv"')

    failed, good = tree.receive("readings", DAY, NEXT)

    assert (failed.status, good.status) == ("absent", "done")
    assert failed.reason == f"readings {DAY}: fetch failed: ConnectionError: 503 from the lab (defs/readings/fetch.py:7)"
    assert list(landing.arrivals(tree.store, tree["readings"], NOW)) == [NEXT]
    assert DAY in tree.pending("raw", "readings")


@pytest.mark.parametrize(
    ("body", "told"), [("return", "it brought nothing"), ("raise SystemExit(3)", "SystemExit: 3 (defs/readings/fetch.py:2)")]
)
def test_fetch_that_brings_nothing_or_would_end_the_process_is_told(tree: Tree, body: str, told: str) -> None:
    tree.write("readings/fetch.py", f"def fetch(partition, folder):\n    {body}\n")
    outcomes = tree.receive("readings", DAY, NEXT)
    assert [outcome.reason for outcome in outcomes] == [f"readings {day}: fetch failed: {told}" for day in (DAY, NEXT)]


@pytest.mark.parametrize(
    ("brings", "files", "wanted"),
    [
        pytest.param(["other.csv"], FILES, f"{DAY}.csv", id="another_name"),
        pytest.param([f"{NEXT}.csv"], FILES, f"{DAY}.csv", id="another_partition"),
        pytest.param(
            ["a.csv", f"{DAY}/a.csv"],
            'files: "{partition}/*.csv"\n    complete: {marker: "{partition}/DONE"}',
            f"{DAY}/*.csv and {DAY}/DONE",
            id="one_in_the_wrong_place",
        ),
    ],
)
def test_file_that_fetch_brings_under_a_wrong_name_is_told_as_its_fault(
    tree: Tree, brings: list[str], files: str, wanted: str
) -> None:
    tree.edit("readings/defs.yaml", FILES, files)
    tree.write(
        "readings/fetch.py",
        f"""
        def fetch(partition, folder):
            for name in {brings}:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text("station,day,hour,temperature,note\\n")
        """,
    )
    outcome = received(tree)
    why = f"it brought {brings[0]}, which is no file of this delivery: name it {wanted}"
    assert (outcome.status, outcome.reason) == ("absent", f"readings {DAY}: fetch failed: {why}")
    assert landing.strays(tree.store, tree["readings"], NOW) == []
    assert landing.arrivals(tree.store, tree["readings"], NOW) == {}


def test_error_of_fetch_shows_no_values_that_are_not_public(tree: Tree) -> None:
    tree.write("readings/fetch.py", "def fetch(partition, folder):\n    raise ValueError('a secret')\n")
    assert received(tree).reason.endswith("fetch failed: ValueError: a secret (defs/readings/fetch.py:2)")
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    withheld = "ValueError (values are withheld, since the data is internal) (defs/readings/fetch.py:2)"
    assert received(tree).reason.endswith(f"fetch failed: {withheld}")


def test_gap_stays_a_gap_when_fetch_fails(tree: Tree) -> None:
    tree.write("readings/fetch.py", "def fetch(partition, folder):\n    raise ConnectionError\n")
    tree.edit("readings/defs.yaml", "tolerance: 0.5", f"gaps: [{{partition: {DAY}, reason: a holiday}}]")
    assert received(tree).version == "gap"
