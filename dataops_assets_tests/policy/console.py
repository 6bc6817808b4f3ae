"""The real Dagster webserver behind the guard, over a tree of contracts: in this process, or with an address."""

import base64
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster_graphql.schema import create_schema
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dataops_assets.policy.guard import guarded
from dataops_assets.policy.webserver import table
from dataops_assets_tests.components.dagster_tree import RECORDS
from dataops_assets_tests.trees import Tree

SECRET = "a secret of at least 32 characters"
_CODE = """
from pathlib import Path

from dataops_assets.definitions import build
from dataops_assets.deployment import Deployment

defs = build(Path({defs!r}), Deployment("local", {data!r}))
"""


@cache
def schema() -> GraphQLSchema:
    """What the webserver of this version of Dagster can be asked."""
    return create_schema().graphql_schema


def signed_in(name: str, *groups: str, secret: str = SECRET) -> dict[str, str]:
    """What the proxy adds to each request of somebody."""
    credentials = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {credentials}", "X-Forwarded-Groups": ",".join(groups)}


@dataclass(frozen=True)
class Console:
    """A webserver.

    Attributes:
        app: It, behind the guard.
        bare: It, as Dagster has it.
        instance: Whose runs it shows.
        tree: The contracts of the code location.
    """

    app: Starlette
    bare: Starlette
    instance: dg.DagsterInstance
    tree: Tree

    def of(self, *groups: str, name: str = "somebody@example.com") -> TestClient:
        """The browser of somebody of these groups."""
        return TestClient(self.app, headers=signed_in(name, *groups))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address."""
        server = uvicorn.Server(uvicorn.Config(self.app, host="127.0.0.1", port=0, log_level="warning"))
        thread = Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def console(home: Path, prefix: str = "") -> Iterator[Console]:
    """A webserver over an instance of its own, whose runs start at once."""
    tree = Tree(home)
    code = home / "location.py"
    code.write_text(_CODE.format(defs=str(tree.defs), data=str(home / "data")))
    overrides: dict[str, Any] = {
        "storage": {"custom": {**RECORDS, "config": {"base_dir": str(home / "instance")}}},
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }
    (home / "instance").mkdir()
    with dg.DagsterInstance.local_temp(str(home / "instance"), overrides) as instance:
        target = PythonFileTarget(str(code), "defs", str(home), "dataops_assets")
        with WorkspaceProcessContext(instance, target, dg.__version__, code_server_log_level="WARNING") as workspace:
            webserver = DagsterWebserver(workspace, prefix)
            logging.getLogger("dataops.access").setLevel(logging.INFO)
            app = guarded(webserver.create_asgi_app(), schema(), table(), SECRET)
            yield Console(app, webserver.create_asgi_app(), instance, tree)
