"""What is forked of a process that has the libraries loaded does as what is started."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dataops_assets_tests import warm
from dataops_assets_tests.checkout import BIN, PROJECT

TELL = """
import os, sys
told = sys.stdin.read(), sys.argv, sys.path, os.getcwd(), sorted(os.environ.items()), __name__
print(told, [name for name in sys.modules if name.startswith("dataops_assets")])
print("beside", file=sys.stderr)
sys.exit(3)
"""
IMPORTED = "import dataops_assets; print(dataops_assets.__file__)"
THREADS = 'import os; print(*(open(f"/proc/self/task/{one}/comm").read() for one in os.listdir("/proc/self/task")))'


def run(folder: Path, *words: str, where: Path | None = None, **variables: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [str(folder / words[0]), *words[1:]],
        cwd=where or PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **variables},
        input="said",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_arguments_folder_environment_and_streams_are_its_own(tmp_path: Path) -> None:
    words = ("python", "-c", TELL, "one", "two words")
    forked, started = (run(folder, *words, where=tmp_path, TZ="Asia/Tokyo") for folder in (warm.commands(), BIN))
    assert forked == started
    assert (started[0], started[2]) == (3, "beside\n")
    assert started[1].endswith(" []\n"), "nothing of ours is loaded"


def test_its_package_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "dataops_assets").mkdir()
    (tmp_path / "dataops_assets/__init__.py").touch()
    (tmp_path / "elsewhere").mkdir()
    _, told, _ = run(warm.commands(), "python", "-c", IMPORTED, where=tmp_path / "elsewhere", PYTHONPATH=str(tmp_path))
    assert told == f"{tmp_path}/dataops_assets/__init__.py\n"


@pytest.mark.parametrize("words", [("dataops", "--help"), ("dataops", "stats"), ("dg", "--version"), ("dagster", "--version")])
def test_commands_say_the_same(words: tuple[str, ...]) -> None:
    assert run(warm.commands(), *words) == run(BIN, *words)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_by_the_signal_that_ended_the_fork(by: signal.Signals) -> None:
    assert run(warm.commands(), "python", "-c", f"import os; os.kill(os.getpid(), {by})")[0] == -by


def test_who_is_killed_takes_the_fork_along(tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with subprocess.Popen([warm.commands() / "python", "-c", code]) as asking:
        while not (tmp_path / "pid").exists() or not (fork := (tmp_path / "pid").read_text()):
            time.sleep(0.01)
        asking.kill()
    until = time.monotonic() + 60
    while Path("/proc", fork).exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not Path("/proc", fork).exists()


def test_no_thread_that_answers_queries_was_there_before() -> None:
    """A fork has a copy of their locks and none of the threads, so its first query would wait for ever."""
    _, told, _ = run(warm.commands(), "python", "-c", THREADS)
    assert len(told.split()) == 1
    _, told, _ = run(
        warm.commands(), "python", "-c", "import polars; print(polars.DataFrame({'a': [1]}).lazy().collect().height)"
    )
    assert told == "1\n"
