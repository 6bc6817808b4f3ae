"""Partitions as Dagster knows them: the same keys, at every moment, in every time zone."""

from datetime import datetime

from hypothesis import given

from dataops_assets.components.keys import partitions_def
from dataops_assets.contract import Partitions
from dataops_assets_tests.contract.test_partitions import partitions


@given(partitions())
def test_dagster_has_the_same_keys(given_: tuple[Partitions, datetime]) -> None:
    parts, now = given_
    dagster = partitions_def(parts)
    assert dagster is not None
    assert list(dagster.get_partition_keys(current_time=now)) == parts.keys(now)


def test_without_partitions_there_is_nothing_to_know() -> None:
    assert partitions_def(None) is None
