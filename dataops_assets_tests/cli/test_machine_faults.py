"""A machine that fails while `dataops run` is at work: a line with the place and the remedy, and the next run needs no hand."""

import contextlib
import os
import random
import shutil
import signal
import string
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from dataops_assets_tests.checkout import BIN, Checkout, make_checkout

HOLD = """
import sys
from pathlib import Path
from dataops_assets.storage.folder import Folder

with Folder(Path(sys.argv[1])).held("run"):
    print("held", flush=True)
    sys.stdin.read()
"""
PRLIMIT = "/usr/bin/prlimit"
ROOM = 3_000_000
SETPRIV = "/usr/bin/setpriv"


def airlines(letters: int) -> str:
    """Two good airlines, with names of so many letters that cannot be packed."""
    pick = random.Random(letters)
    return "carrier,name\n" + "".join(
        f"{code},{''.join(pick.choices(string.ascii_letters, k=letters))}\n" for code in ("UA", "DL")
    )


SMALL, LARGE = airlines(10), airlines(1_000_000)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone whose airlines were run once."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    deliver(checkout, SMALL)
    assert checkout.run("dataops", "run", "airlines").returncode == 0
    return checkout


@pytest.fixture
def clone(once: Checkout, tmp_path: Path) -> Checkout:
    shutil.copytree(once.root, tmp_path / "clone")
    return Checkout(tmp_path / "clone")


def deliver(checkout: Checkout, text: str) -> None:
    landed = checkout.root / "data/landing/airlines/airlines.csv"
    landed.parent.mkdir(parents=True, exist_ok=True)
    landed.write_text(text)


def published(checkout: Checkout) -> int:
    """How long the names are that can be read."""
    return pl.read_parquet(checkout.root / "data/staged/airlines/data.parquet")["name"].str.len_chars().max()  # type: ignore[return-value]


@contextlib.contextmanager
def disk(folder: Path, bytes: int) -> Iterator[tuple[Callable[[str], None] | None, tuple[str, ...]]]:
    """A disk of its own at a folder; where none can be mounted, a limit on what a process may write into one file.

    Yields:
        A function that mounts it anew with other options, if there is a disk; and what to put before a command, if not.
    """
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={bytes}", "tmpfs", str(folder)], check=False).returncode == 0
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    try:
        if mounted:
            yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True) and None, ()
        else:
            yield None, (PRLIMIT, f"--fsize={bytes // 3}")
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def command(before: tuple[str, ...]) -> list[str]:
    return [*before, str(BIN / "dataops"), "run", "airlines"]


def test_full_disk(clone: Checkout) -> None:
    with disk(clone.root / "data", ROOM) as (remount, before):
        deliver(clone, LARGE)
        full = clone.run(*command(before))
        assert full.returncode == 1
        told = "No space left on device" if remount else "File too large"
        [line] = [line for line in full.stdout.splitlines() if told in line]
        assert line.startswith(f"{clone.root}/data/raw/airlines/")
        assert line.endswith(f".csv: {told}. Make room on that disk, and run again")
        assert "Traceback" not in full.stdout + full.stderr
        assert published(clone) == 10
        assert (clone.root / "data/landing/airlines/airlines.csv").read_text() == LARGE
        if remount:
            remount("size=100m")
        again = clone.run(*command(()))
        assert again.returncode == 0, again.stdout
        assert published(clone) == 1_000_000
        assert list((clone.root / "data/_tmp").iterdir()) == []


def test_full_disk_below_the_records_of_dagster(clone: Checkout) -> None:
    shutil.rmtree(clone.root / ".dagster")
    (clone.root / ".dagster").mkdir()
    deliver(clone, LARGE)
    with disk(clone.root / ".dagster", 60_000) as (remount, before):
        full = clone.run(*command(before))
        assert full.returncode == 1
        last = full.stderr.splitlines()[-1]
        assert last.startswith(f"{clone.root}: the records of Dagster cannot be written: ")
        assert last.endswith(
            "See that it has room and this user the right to write there, and run again: what is published stays"
        )
        assert "Traceback" not in full.stdout + full.stderr
        if remount:
            remount("size=100m")
        again = clone.run(*command(()))
        assert again.returncode == 0, again.stdout
    assert published(clone) == 1_000_000


def test_folder_that_is_read_only(clone: Checkout) -> None:
    data = clone.root / "data"
    with disk(data, 100_000_000) as (remount, _):
        deliver(clone, LARGE)
        if remount:
            remount("ro")
        elif os.geteuid():
            data.chmod(0o555)
            (data / "_run.lock").chmod(0o444)
        else:
            pytest.skip("no mode of a folder stops root, and nothing can be mounted: run it as another user")
        denied = clone.run(*command(()))
        assert (denied.returncode, denied.stdout) == (1, "")
        what = "Read-only file system" if remount else "Permission denied"
        remedy = "Give this user the right to it, or set DATAOPS_DATA to a folder of your own"
        assert denied.stderr == f"{data}/_run.lock: {what}. {remedy}\n"
        assert clone.run("dataops", "status", "airlines").returncode == 0  # looking takes no right to write
        assert published(clone) == 10
        if remount:
            remount("rw")
        else:
            data.chmod(0o755)
            (data / "_run.lock").chmod(0o644)
        assert clone.run(*command(())).returncode == 0
        assert published(clone) == 1_000_000


def test_folder_in_landing_that_does_not_open(clone: Checkout) -> None:
    """The line names it; nobody waits for it to be still, and what is published stays."""
    before: tuple[str, ...] = ()
    if not os.geteuid():
        if not Path(SETPRIV).exists():
            pytest.skip(f"no mode of a folder stops root: install {SETPRIV}, or run it as another user")
        before = (SETPRIV, "--bounding-set=-dac_override,-dac_read_search")
    landed = clone.root / "data/landing/airlines"
    landed.chmod(0)
    run = clone.run(*command(before))
    landed.chmod(0o755)
    told = "airlines: the delivery is not whole, waiting for the right to open landing/airlines: give it to this user"
    assert told in " ".join(run.stdout.split())
    assert "to be still" not in run.stdout
    assert run.returncode == 0
    assert published(clone) == 10


def test_second_run_says_who_is_at_work_and_leaves(clone: Checkout) -> None:
    deliver(clone, LARGE)
    first = subprocess.Popen(
        [BIN / "python", "-c", HOLD, clone.root / "data"],
        env=clone.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        second = clone.run(*command(()))
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == (
            f"another `dataops run` (process {first.pid}) is at work on {clone.root}/data: "
            "nothing was done here; run again when it has ended\n"
        )
        assert published(clone) == 10
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert clone.run(*command(())).returncode == 0  # the lock went with the process that held it
    assert published(clone) == 1_000_000


def test_two_runs_at_once(clone: Checkout) -> None:
    deliver(clone, LARGE)
    both = [
        subprocess.Popen(
            command(()), cwd=clone.root, env=clone.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in both]
    for process, (out, err) in zip(both, told, strict=True):
        held_back = "another `dataops run`" in err
        assert process.returncode == (1 if held_back else 0), out + err
        assert "Traceback" not in out + err
    assert min(process.returncode for process in both) == 0
    assert published(clone) == 1_000_000
