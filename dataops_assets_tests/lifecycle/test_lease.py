"""A branch or dev deployment keeps its own area by being used, and knows when it is not there to be used."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.deployment import Deployment
from dataops_assets.lifecycle.area import Area, AreaError, Stage
from dataops_assets.lifecycle.lease import renew
from dataops_assets.lifecycle.registry import Registry

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def branch(tmp_path: Path) -> Deployment:
    return Deployment("branch/pr-1", str(tmp_path / "shared/branch/pr-1"), str(tmp_path / "prod"))


def used(branch: Deployment, now: datetime = NOW) -> None:
    assert branch.area
    renew(branch.store, *branch.area, lambda: "somebody", now)


def area(branch: Deployment) -> Area:
    seen = Registry(branch.store, own=branch.area).read("branch", "pr-1")
    assert seen
    return seen.area


def put(branch: Deployment, *stages: Stage) -> None:
    for stage in stages:
        Registry(branch.store, own=branch.area).change("branch", "pr-1", lambda held: held.become(stage, NOW, "me", "merged"))  # noqa: B023


def test_first_use_makes_the_record_and_later_ones_renew_it_once_a_day(branch: Deployment) -> None:
    used(branch)
    assert (area(branch).path, area(branch).owner, area(branch).used_at) == ("branch/pr-1", "somebody", NOW)
    used(branch, NOW + timedelta(hours=20))
    assert area(branch).used_at == NOW
    used(branch, NOW + timedelta(hours=30))
    assert area(branch).used_at == NOW + timedelta(hours=30)


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        (
            ("closed",),
            "branch/pr-1 was closed: merged; to bring it back: `DATAOPS_DEPLOYMENT=adhoc dataops branch restore pr-1`",
        ),
        (("closed", "leaving"), "branch/pr-1 is on its way to the trash since 2024-03-01 12:00 UTC: wait until it is there"),
        (
            ("closed", "leaving", "trashed"),
            "branch/pr-1 is in the trash since 2024-03-01 12:00 UTC: restore it first; to bring",
        ),
    ],
)
def test_area_that_is_not_in_use_is_not_used(branch: Deployment, stages: tuple[Stage, ...], told: str) -> None:
    used(branch)
    put(branch, *stages)
    with pytest.raises(AreaError) as caught:
        used(branch, NOW + timedelta(days=1))
    assert str(caught.value).startswith(told)
    with pytest.raises(AreaError):
        used(branch, NOW + timedelta(days=1))


def test_area_that_is_gone_is_made_anew(branch: Deployment) -> None:
    used(branch)
    put(branch, "closed", "leaving", "trashed", "ending", "gone")
    used(branch, NOW + timedelta(days=60))
    assert (area(branch).stage, area(branch).trashed) == ("living", 1)


def test_who_may_read_and_not_write_goes_on(
    branch: Deployment, nobody: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shared/branch").mkdir(parents=True)
    (tmp_path / "shared/branch").chmod(0o555)
    with caplog.at_level(logging.WARNING, "dataops.areas"):
        used(branch)
    assert "the use of branch/pr-1 is not noted: " in caplog.text
