"""`dataops drop`, at a prompt: in a branch, and where there is nothing to drop."""

import subprocess

import pytest

from dataops_assets_tests.branches import everything_in
from dataops_assets_tests.checkout import Checkout, make_checkout

DAY = "2013-01-03"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone whose sample is published in prod, a folder."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    assert checkout.run("dataops", "deliver").returncode == 0
    ran = checkout.run("dataops", "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return checkout


def in_branch(clone: Checkout, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a branch over the clone's data."""
    deployment = {
        "DATAOPS_DEPLOYMENT": "branch/pr-1",
        "DATAOPS_DATA": str(clone.root / "shared"),
        "DATAOPS_PROD": str(clone.root / "data"),
        "DAGSTER_HOME": str(clone.root / "branch"),
    }
    (clone.root / "branch").mkdir(exist_ok=True)
    return Checkout(clone.root, deployment).run(*command)


def test_dropped_day_is_hidden_until_the_command_that_it_names_makes_it_again(clone: Checkout) -> None:
    prod = everything_in(clone.root / "data")
    done = in_branch(clone, "dataops", "drop", "flights", DAY)
    assert done.returncode == 0, done.stderr
    first, again = done.stdout.splitlines()
    assert first == f"dropped staged/flights {DAY} in {clone.root}/shared/branch/pr-1; prod still has what it had"
    asked = in_branch(clone, "dataops", "status", "flights", DAY)
    assert f"staged/flights {DAY} was dropped here" in asked.stdout
    missing = in_branch(clone, "dataops", "run")
    assert missing.returncode == 1
    assert f"staged/flights: 1 of 5 partitions missing, the first: staged/flights {DAY} was dropped here" in missing.stdout
    made = in_branch(clone, *again.removeprefix("to make it again: ").split())
    assert made.returncode == 0, made.stdout + made.stderr
    why = in_branch(clone, "dataops", "why", "flights", DAY).stdout
    address = f"{clone.root}/shared/branch/pr-1/staged/flights/date={DAY}/data.parquet"
    assert address in why
    assert why.strip() in in_branch(clone, "dataops", "why", address).stdout  # prod has the same bytes
    assert everything_in(clone.root / "data") == prod


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("drop", "flights"), "flights has partitions: name one from 2013-01-01 to 2013-01-05"),
        (("drop", "flights", "2013-02-30"), "2013-02-30 is no partition of flights"),
        (("drop", "airports", DAY), f"airports has no partitions: leave out {DAY}"),
        (("drop", "airport"), "there is no dataset `airport`"),
    ],
)
def test_what_there_is_not_cannot_be_dropped(clone: Checkout, command: tuple[str, ...], told: str) -> None:
    done = in_branch(clone, "dataops", *command)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_dropped_cannot_be_dropped_again(clone: Checkout) -> None:
    assert in_branch(clone, "dataops", "drop", "weather", DAY).returncode == 0
    again = in_branch(clone, "dataops", "drop", "staged/weather", DAY)
    assert again.returncode == 1
    assert f"staged/weather {DAY} was dropped here: run staged/weather for it to make it again" in again.stderr


def test_local_and_prod_drop_nothing(clone: Checkout) -> None:
    before = everything_in(clone.root / "data")
    done = clone.run("dataops", "drop", "flights", DAY)
    assert done.returncode == 1
    assert "only a branch or dev deployment drops partitions: what is in prod or local stays" in done.stderr
    assert everything_in(clone.root / "data") == before
