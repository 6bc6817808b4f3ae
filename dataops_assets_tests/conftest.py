"""What every test may ask for."""

import gc
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dataops_assets_tests import postgres, s3_server
from dataops_assets_tests.s3_server import Bucket, Credentials, MakeIdentity, Server
from dataops_assets_tests.trees import STATIONS, Tree, readings

for shared in ("contract.broken", "gate.judging", "simulation.laws", "components.scaffolding"):
    pytest.register_assert_rewrite(f"dataops_assets_tests.{shared}")

# The same examples every time, so that a failure can be repeated; no deadline, because the machine is shared.
settings.register_profile(
    "project", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow], database=None
)
# For `make soak`: more of them, others every time; the seed that it prints gives the same ones again.
settings.register_profile(
    "soak",
    parent=settings.get_profile("project"),
    derandomize=False,
    max_examples=3000,
    print_blob=True,
)
settings.load_profile("project")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what has a seed is done; the same by default, more by `make soak`."""
    parser.addoption("--first-seed", type=int, default=0, help="the seed of the first simulated world")
    parser.addoption("--seeds", type=int, default=150, help="how many simulated worlds there are of each store")
    parser.addoption("--requests", type=int, default=1000, help="how many random requests two evaluators of policies are asked")
    parser.addoption("--cells", type=int, default=250_000, help="how many cells of the matrix two evaluators are asked")
    parser.addoption("--mutants", type=int, default=60, help="how many mutants of the policies are tried")
    parser.addoption("--rounds", type=int, default=1, help="how many times as often faults of a server are tried")


SLOWEST_FIRST = (
    "test_snippets",
    "test_first_run",
    "test_automation",
    "test_matrix",
    "test_make",
    "test_doctor",
    "test_access_written",
    "test_pruning",
    "test_sample_faults",
    "test_machine_faults",
    "test_scaffold_at_a_prompt",
    "test_mutants",
    "test_requests",
    "test_areas_by_daemon",
    "test_applied",
    "test_adopted",
    "test_branch_over_prod",
    "test_bootstrap",
    "test_s3_faults",
    "test_walk",
    "test_terraform",
    "test_buckets",
    "test_guarded",
    "test_rendered",
    "test_alarms",
    "test_identities",
    "test_rendered_access",
    "test_cells_as_iam_simulate",
)
"""Files that take longest, of `make test` and of `make test-services`: if one came last, the other core would wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test whose parts this machine has not is skipped, and says how to get them."""
    items.sort(key=lambda item: (*SLOWEST_FIRST, item.path.stem).index(item.path.stem))
    for item in items:
        if item.get_closest_marker("chromium") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="needs Chromium: apt-get install chromium"))
        if item.get_closest_marker("s3") and (missing := s3_server.missing()):
            server = "an S3 server that enforces policies: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"
            item.add_marker(pytest.mark.skip(reason=f"needs {server}, and its address in {', '.join(missing)}"))
        if item.get_closest_marker("terraform") and not shutil.which("terraform"):
            item.add_marker(pytest.mark.skip(reason="needs Terraform"))
        if item.get_closest_marker("iam") and not (shutil.which("npm") and os.environ.get("IAM_SIMULATE")):
            item.add_marker(
                pytest.mark.skip(reason="needs Node.js, and a script that asks iam-simulate, named by IAM_SIMULATE")
            )


def pytest_collection_finish() -> None:
    """What is imported by then stays: no look for garbage goes through it, which takes a twentieth of all tests."""
    gc.freeze()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A good tree with nothing delivered."""
    return Tree(tmp_path)


@pytest.fixture
def filled(tree: Tree) -> Tree:
    """A good tree with three good days and the stations run through to the end."""
    tree.drop("stations", "stations.csv", STATIONS)
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        tree.drop("readings", f"{day}.csv", readings(day))
    tree.run()
    return tree


@pytest.fixture
def nobody(tree: Tree, tmp_path: Path) -> Iterator[None]:
    """Whoever runs the tests: a test that asks for this has no right that the modes of files do not give."""
    if os.geteuid() != 0:
        yield
        return
    "".encode("utf-8-sig").decode("utf-8-sig")  # Python loads it late, from a home that may be closed to others
    owner, others = tmp_path.stat().st_uid, 65534
    above = [folder for folder in tmp_path.parents if folder.stat().st_uid == owner and not folder.stat().st_mode & 0o001]
    for folder in above:
        folder.chmod(folder.stat().st_mode | 0o011)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        os.chown(path, others, others, follow_symlinks=False)
    os.seteuid(others)
    try:
        yield
    finally:
        os.seteuid(owner)


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    """An S3 server in this process."""
    with s3_server.moto() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """A PostgreSQL server."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """An empty bucket that keeps versions: on moto, and of a test marked `s3` on the server that the environment names."""
    marked = request.node.get_closest_marker("s3")
    server: Server = s3_server.from_environment() if marked else request.getfixturevalue("moto")
    with server.bucket() as bucket:
        yield bucket


@pytest.fixture
def identity(request: pytest.FixtureRequest, bucket: Bucket) -> Iterator[MakeIdentity]:
    """Makes users who may do what a policy says and nothing else."""
    assert request.node.get_closest_marker("s3"), "moto lets everybody do everything: mark the test s3"
    with ExitStack() as users:

        def make(name: str, policy: Mapping[str, Any]) -> Credentials:
            return users.enter_context(bucket.server.user(f"{bucket.name}-{name}", policy))

        yield make
