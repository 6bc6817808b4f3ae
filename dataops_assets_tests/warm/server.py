"""The process whose forks the commands are: it loads libraries, and does nothing else that a fork could stumble over."""

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.pop(0)  # the folder of this file, in which no command looks for modules

LIBRARIES = (
    *("alembic.command", "boto3", "dagster_pandera", "hypothesis"),
    *("matplotlib.figure", "pandera.polars", "rich.progress"),
    *(f"dagster._core.{name}" for name in ("execution.api", "instance.factory", "launcher", "run_coordinator", "secrets")),
    *(f"dagster._core.storage.{name}" for name in ("local_compute_log_manager", "root", "sqlite_storage", "upath_io_manager")),
    *(f"dagster_dg_cli.cli.{name}" for name in ("api", "check", "dev", "labs", "launch", "list", "plus", "scaffold", "utils")),
)
"""What commands import, sooner or later; none of it starts a thread that answers queries (`test_warm`)."""


def serve(address: str) -> socket.socket:
    """Load the libraries, and fork for whoever asks, until standard input ends; returns the connection, in the forks alone."""
    for name in LIBRARIES:
        importlib.import_module(name)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    gc.freeze()  # else each fork copies all of it when it ends, to look through it once more
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as either:
        either.register(server, selectors.EVENT_READ)
        either.register(sys.stdin, selectors.EVENT_READ)
        while sys.stdin not in [key.fileobj for key, _ in either.select()]:
            connection, _ = server.accept()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):  # who answered before
                    pass
            if os.fork() == 0:
                server.close()
                return connection
            connection.close()
    os._exit(0)


def answer(connection: socket.socket) -> dict[str, Any]:
    """Fork the command, wait for it, and tell how it ended; returns in the command alone, with what was asked for."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as said:
        asked: dict[str, Any] = json.loads(said.readline())
    command = os.fork()
    if command == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return asked

    ended = threading.Event()

    def end() -> None:
        if not connection.recv(1) and not ended.is_set():  # whoever asked was killed
            os.kill(command, signal.SIGKILL)

    for stream in streams:
        os.close(stream)
    threading.Thread(target=end, daemon=True).start()
    _, status = os.waitpid(command, 0)
    ended.set()
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(words: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run a program as Python does that starts with these words, there, in that environment."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    given = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [path for path in sys.path if path not in given]  # no folder stands there twice
    if words[0].endswith("/python"):
        if words[1:2] != ["-c"]:
            os.execv(words[0], words)
        sys.argv, sys.path[:0] = words[1:2] + words[3:], ["", *given]
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(words[2], "<string>", "exec"), main.__dict__)
    else:
        sys.argv, sys.path[:0] = words, [str(Path(words[0]).parent), *given]
        runpy.run_path(words[0], run_name="__main__")


become(**answer(serve(sys.argv[1])))
