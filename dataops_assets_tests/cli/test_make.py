"""What `make` says before anything is installed, and what it needs once everything is."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataops_assets_tests.checkout import BIN, PROJECT, Checkout, make_checkout

WITHOUT_NETWORK = ("unshare", "--map-root-user", "--net")
OPENS_THE_UI = """
import fcntl, os, signal, socket, struct, subprocess, time, urllib.request
with socket.socket() as here:  # the loopback of a network of its own is down at first
    fcntl.ioctl(here, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
dev = subprocess.Popen(["make", "dev", "PIP=false"], start_new_session=True)
for _ in range(240):
    time.sleep(1)
    if dev.poll() is not None:
        break
    try:
        print("answered:", urllib.request.urlopen("http://127.0.0.1:3000/server_info").read().decode(), flush=True)
        break
    except OSError:
        pass
if dev.poll() is None:
    os.killpg(dev.pid, signal.SIGINT)
dev.wait()
"""


def prompt(folder: Path) -> dict[str, str]:
    """The environment of a prompt, where no other make is at work."""
    return {key: value for key, value in Checkout(folder).environment.items() if not key.startswith(("MAKE", "MFLAGS"))}


def make(folder: Path, *words: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run make as at a prompt."""
    return subprocess.run(
        [*within, "make", *words], cwd=folder, env=prompt(folder), capture_output=True, text=True, timeout=300, check=False
    )


def what_make_needs(folder: Path) -> None:
    shutil.copy(PROJECT / "Makefile", folder)
    shutil.copytree(PROJECT / "locks", folder / "locks")
    shutil.copy(PROJECT / "pyproject.toml", folder)


def old_python(folder: Path) -> str:
    """A Python that says it is 3.10."""
    script = folder / "python3.10"
    ours = f'exec {sys.executable} -c "import sys; sys.version_info = (3, 10, 0); exec(sys.argv[1])" "$2"'
    script.write_text(f"#!/bin/sh\n{ours}\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("nowhere", "Python 3.11, 3.12 or 3.13 is needed, and nowhere does not run: make PYTHON=python3.11 run"),
        ("old", "is 3.10: make PYTHON="),
    ],
)
def test_a_python_that_will_not_do_is_one_line_with_the_remedy(tmp_path: Path, python: str, told: str):
    what_make_needs(tmp_path)
    done = make(tmp_path, f"PYTHON={old_python(tmp_path) if python == 'old' else python}", "run")
    plan, why = done.stdout.splitlines()[:2], [line for line in (done.stdout + done.stderr).splitlines() if told in line]
    assert plan[0].startswith("delivers a year of flights into data/landing")
    assert "nothing leaves this folder" in plan[1]
    assert len(why) == 1
    assert done.returncode == 2
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plan"], "which environment? make plan ENV=dev, or ENV=prod"),
        (["plan", "ENV=staging"], "which environment? make plan ENV=dev, or ENV=prod"),
        (["apply", "ENV=dev"], "there is no plan to apply: make plan ENV=dev"),
    ],
)
def test_nothing_is_asked_of_aws_without_an_environment_and_nothing_applied_without_a_plan(words: list[str], told: str):
    done = make(PROJECT, *words)
    assert told in done.stdout
    assert done.returncode == 2


def test_what_is_written_from_contracts_overrides_no_value_of_the_environment():
    """Of Terraform's own order, a file `*.auto.tfvars.json` counts more than terraform.tfvars; one that is named counts most.

    Source: Terraform, "Variables", "Variable definition precedence".
    """
    planned = make(PROJECT, "plan", "ENV=prod", "TERRAFORM=echo").stdout.splitlines()[-1].split()
    assert planned[0] == "plan"
    assert [word for word in planned if word.startswith("-var")] == ["-var-file=terraform.tfvars"]


def test_two_that_install_at_once_do_so_one_after_the_other(tmp_path: Path):
    what_make_needs(tmp_path)
    (tmp_path / "pip").write_text('#!/bin/sh\necho "begins $*" >> pip.log; sleep 0.5; echo ends >> pip.log\n')
    (tmp_path / "pip").chmod(0o755)
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: make(tmp_path, "install-dev", "PIP=./pip"), range(2)))
    assert [one.returncode for one in both] == [0, 0], "".join(one.stdout + one.stderr for one in both)
    did = (tmp_path / "pip.log").read_text().splitlines()
    assert [line.split()[0] for line in did] == ["begins", "ends"] * 4
    assert sorted("installing into .venv" in one.stdout for one in both) == [False, True]
    assert [line.split()[-1] for line in did[::2]] == ["locks/build.txt", "locks/sample.txt", ".", "locks/dev.txt"]


def installed(folder: Path) -> None:
    """A clone as after `make install`."""
    what_make_needs(make_checkout(folder).root)
    # Not the folder itself, or `make` would install the clone into the environment of the tests.
    (folder / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / part).symlink_to(BIN.parent / part)
    (folder / ".venv/.installed").touch()


def test_two_at_once_deliver_together_and_one_runs(tmp_path: Path):
    installed(tmp_path)
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: make(tmp_path, "run", "PIP=false"), range(2)))
    done = sorted(both, key=lambda one: one.returncode)
    assert done[0].returncode == 0, done[0].stdout + done[0].stderr
    assert "all that the contracts demand holds" in done[0].stdout
    held_back = "run again when it has ended" in done[1].stderr
    assert done[1].returncode == (2 if held_back else 0), done[1].stdout + done[1].stderr
    assert not any("Traceback" in one.stdout + one.stderr for one in both)
    assert "nothing was pending" in make(tmp_path, "run", "PIP=false").stdout


def test_later_runs_take_no_network(tmp_path: Path):
    if subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to take the network away: unshare --map-root-user --net")
    installed(tmp_path)
    # If it thought that it had to install something, it would fail, and leave the environment of the tests as it is.
    first = make(tmp_path, "run", "PIP=false", within=WITHOUT_NETWORK)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "all that the contracts demand holds" in first.stdout
    assert "installing" not in first.stdout
    again = make(tmp_path, "run", "PIP=false", within=WITHOUT_NETWORK)
    assert "nothing was pending" in again.stdout


def test_make_dev_opens_the_ui_and_takes_no_network(tmp_path: Path):
    if subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to take the network away: unshare --map-root-user --net")
    installed(tmp_path)
    opened = subprocess.run(
        [*WITHOUT_NETWORK, sys.executable, "-c", OPENS_THE_UI],
        cwd=tmp_path, env=prompt(tmp_path), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert 'answered: {"dagster_webserver_version":' in opened.stdout, opened.stdout + opened.stderr
    assert "Dagster UI: http://127.0.0.1:3000/asset-groups" in opened.stdout
