"""Commands of the environment that wait for no import: each is a fork of one process that has the libraries loaded.

A command is as real as one that is started: a process of its own, with the arguments, folder, environment, streams and package
that it is given. Only the libraries of others are there already, and nothing of ours. Not for a command that is killed, limited
or shut off from something, which has to be the process that was started, nor for servers.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

COMMANDS = ("dataops", "dg", "dagster", "python")
_BIN = Path(sys.executable).parent
_HERE = Path(__file__).parent
_COMMAND = """\
#!{python} -IS
import sys
sys.path.insert(0, {here!r})
from command import ask
ask({socket!r}, {program!r})
"""


@cache
def commands() -> Path:
    """The folder of these commands, by the names that they have in the environment; it is there until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    socket = str(folder / "socket")
    for name in COMMANDS:
        said = _COMMAND.format(python=sys.executable, here=str(_HERE), socket=socket, program=str(_BIN / name))
        (folder / name).write_text(said, encoding="utf-8")
        (folder / name).chmod(0o700)
    words = [sys.executable, str(_HERE / "server.py"), socket]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # each command brings its own
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=bare)
    atexit.register(_end, server, folder)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n", "the libraries could not be loaded"
    return folder


def first_in(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a shell finds these commands first."""
    return {**environment, "PATH": f"{commands()}:{environment['PATH']}"}


def _end(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    server.communicate()  # which closes its standard input
    shutil.rmtree(folder, ignore_errors=True)
