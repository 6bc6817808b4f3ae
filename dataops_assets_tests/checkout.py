"""A copy of the project as a user has it after a clone, with the first days of 2013 only, so that whole runs are short.

Only the datasets of the sample are in it: what else is declared, nobody delivers to a test.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dataops_assets_tests import warm

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LAST = "2013-01-05"
SAMPLE = {"aviation", "policy.yaml"}
"""What lies in `defs/` before a user adds anything."""


@dataclass
class Checkout:
    """A project folder of its own.

    Attributes:
        root: The folder.
        variables: What is exported there besides; nothing, as a rule.
    """

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, timeout_seconds: int = 300) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the folder; one that is named by its path is started, and no fork (`warm`)."""
        commands = warm.commands() if command[0] in warm.COMMANDS else BIN
        return subprocess.run(
            [str(commands / command[0]), *command[1:]],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Ours without what a user would not have; this folder's package wins over the installed one."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("DAGSTER", "DATAOPS", "PYTHON"))}
        own = {"PYTHONPATH": str(self.root), "VIRTUAL_ENV": str(BIN.parent), "PATH": f"{BIN}:{ours['PATH']}"}
        return {**ours, **own, **self.variables}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file of the package."""
        path = self.root / "dataops_assets" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def make_checkout(root: Path, last: str = LAST) -> Checkout:
    """Copy the project's files, and let every dataset end on some day of January."""
    shutil.copytree(PROJECT / "dataops_assets", root / "dataops_assets", ignore=_not_of_the_sample)
    for file in ("pyproject.toml", "dagster.yaml", "workspace.yaml", "README.md"):
        shutil.copy(PROJECT / file, root / file)
    for path in (root / "dataops_assets/defs").rglob("defs.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace("end: 2013-12-31", f"end: {last}").replace("end: 2013-12,", "end: 2013-01,"), encoding="utf-8"
        )
    weather = root / "dataops_assets/defs/aviation/weather/defs.yaml"
    weather.write_text(
        weather.read_text(encoding="utf-8").replace("partition: 2013-12-31", f"partition: {last}"), encoding="utf-8"
    )
    weather.with_name("corrections.yaml").unlink()  # of days that are no more
    return Checkout(root)


def _not_of_the_sample(folder: str, names: list[str]) -> set[str]:
    return set(names) - SAMPLE if folder == str(PROJECT / "dataops_assets/defs") else set()


def obey_ctrl_c() -> None:
    """For what is started: workers of a parallel test run ignore the signal, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def serving(checkout: Checkout, *command: str) -> Iterator[str]:
    """A server of the environment, started in the folder on a free port; it ends with all that it has started.

    Yields:
        Its address, once it answers.
    """
    port = free_port()
    server = subprocess.Popen(
        [str(BIN / command[0]), *command[1:], "--port", str(port)],
        cwd=checkout.root,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=obey_ctrl_c,
    )
    try:
        yield answering(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(server.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answering(address: str, patience_seconds: float = 180) -> str:
    """Wait until the UI answers there.

    Raises:
        TimeoutError: It does not.
    """
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}/server_info", timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
        else:
            return address
    raise TimeoutError(address)
