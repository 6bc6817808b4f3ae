"""Contracts as Dagster knows them: the same partitions, at every moment, in every time zone; and one direction."""

from datetime import datetime

import dagster as dg
import pytest
from hypothesis import given

from dataops_assets.components.keys import ZONES, partitions_def, refuse_other_directions
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


RIGHT = {("landing", "raw"), ("raw", "staged"), ("raw", "quarantine"), ("staged", "staged"), ("staged", "quarantine")} | {
    ("staged", "curated"),
    ("curated", "curated"),
    ("curated", "quarantine"),
}


@pytest.mark.parametrize("here", ZONES)
@pytest.mark.parametrize("there", ZONES)
def test_an_asset_written_by_hand_reads_from_its_left_only(there: str, here: str) -> None:
    spec = dg.AssetSpec([here, "mine"], deps=[dg.AssetKey([there, "flights"])])
    if (there, here) in RIGHT:
        refuse_other_directions([spec])
        return
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=f"{here}/mine reads {there}/flights, but {here} is made from"):
        refuse_other_directions([spec])


def test_an_asset_outside_of_the_zones_reads_anything() -> None:
    refuse_other_directions(dg.AssetSpec("mine", deps=[dg.AssetKey([zone, "flights"])]) for zone in ZONES)
