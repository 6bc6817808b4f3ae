"""What a query in an ad-hoc area may read, and what its result inherits."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.areas.query import Asked, answer
from dataops_assets.areas.sandbox import QueryError, Refused
from dataops_assets.lifecycle.area import AreaError
from dataops_assets.lifecycle.made import Made, results
from dataops_assets.lifecycle.making import new_area
from dataops_assets.lifecycle.registry import Registry
from dataops_assets_tests.trees import STATIONS, Tree, readings

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def asked(tree: Tree, sql: str, group: str = "press", now: datetime = NOW) -> Made:
    registry = Registry(tree.store)
    if registry.read("adhoc", "a") is None:
        new_area(registry, tree.catalog().policy, "a", "lab", group, NOW, "me")
    return answer(tree.lake, registry, Asked("a", sql, "me", "run 1"), lambda: now)


def narrow(tree: Tree, dataset: str, readers: str) -> None:
    tree.edit(f"{dataset}/defs.yaml", "readers: [analysts, press]", f"readers: [{readers}]")


def test_result_says_what_it_was_made_from(filled: Tree) -> None:
    made = asked(filled, "SELECT count(*) AS n FROM readings JOIN staged.Stations USING (station)")
    published = filled.lake.published(filled["stations"], None)
    assert published
    assert made.inputs["stations"] == {"": published.sha256}
    assert sorted(made.inputs["readings"]) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert (made.readers, made.classification, made.run_id, made.rows) == ("press", "public", "run 1", 1)
    assert filled.store.sha256("adhoc/a/result.parquet") == made.sha256
    assert [found for _, found in results(filled.store, made.sha256)] == [made]


def test_a_path_is_read_as_it_is_and_not_as_a_pattern(tmp_path: Path) -> None:
    for folder, stations in (("lake1", STATIONS + "moss,3\n"), ("lake[1]", STATIONS)):
        tree = Tree(tmp_path / folder)
        tree.drop("stations", "stations.csv", stations)
        tree.run("stations")
    assert asked(tree, "SELECT * FROM stations").rows == 2


def test_dataset_that_the_group_may_not_read_does_not_exist(filled: Tree) -> None:
    filled.edit("daily/defs.yaml", "readers: [analysts, press]", "readers: [analysts]")
    narrow(filled, "readings", "analysts")
    with pytest.raises(QueryError) as caught:
        asked(filled, "SELECT * FROM readings")
    told = "there is no readings for `press`, whose rights adhoc/a has; there are: stations. Others are there, and do not let "
    assert str(caught.value) == told + "`press` read: daily, readings"
    assert asked(filled, "SELECT * FROM stations").rows == 2


@pytest.mark.parametrize("hidden", ["query_table('readings')", "query('SELECT * FROM readings')", "(FROM staged.readings)"])
def test_no_way_leads_around_that(filled: Tree, hidden: str) -> None:
    filled.edit("daily/defs.yaml", "readers: [analysts, press]", "readers: [analysts]")
    narrow(filled, "readings", "analysts")
    with pytest.raises(QueryError):
        asked(filled, f"SELECT s.station FROM stations s, {hidden}")
    path = filled.store.path("staged/readings/date=2024-01-01/data.parquet")
    with pytest.raises(Refused, match="Cannot access file"):
        asked(filled, f"SELECT * FROM read_parquet('{path}'), stations")


def test_partition_that_was_published_for_others_is_left_out(filled: Tree) -> None:
    narrow(filled, "daily", "analysts")
    narrow(filled, "readings", "analysts")
    filled.drop("readings", "2024-01-02.csv", readings("2024-01-02", {"temperature": 5}))
    filled.receive("readings", "2024-01-02")
    filled.stage("readings", "2024-01-02")
    filled.edit("readings/defs.yaml", "readers: [analysts]", "readers: [analysts, press]")
    made = asked(filled, "SELECT DISTINCT day FROM readings ORDER BY day")
    assert sorted(made.inputs["readings"]) == ["2024-01-01", "2024-01-03"]


def test_result_is_as_confidential_as_the_most_confidential_that_was_read(filled: Tree) -> None:
    for name in ("readings", "daily"):
        filled.edit(f"{name}/defs.yaml", "classification: public", "classification: secret")
    assert asked(filled, "SELECT * FROM stations").classification == "public"
    assert asked(filled, "SELECT * FROM readings, stations").classification == "secret"
    with pytest.raises(QueryError) as caught:
        asked(filled, "SELECT ('id ' || temperature)::INT FROM readings")
    assert "what DuckDB said of it is not shown, since readings is not public" in str(caught.value)
    assert "-3" not in str(caught.value)


def test_version_that_is_replaced_while_it_is_read_is_read_again(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataops_assets.areas import query

    run, times = query.run, []

    def replaced(*given: object) -> int:
        rows = run(*given)  # type: ignore[arg-type]
        times.append(rows)
        if len(times) == 1:
            filled.drop("readings", "2024-01-02.csv", readings("2024-01-02", {"temperature": 9}))
            filled.run("readings")
        return rows

    monkeypatch.setattr(query, "run", replaced)
    made = asked(filled, "SELECT max(temperature) AS t FROM readings")
    published = filled.lake.published(filled["readings"], "2024-01-02")
    assert published
    assert len(times) == 2
    assert made.inputs["readings"]["2024-01-02"] == published.sha256
    assert pl.read_parquet(filled.store.path("adhoc/a/result.parquet"))["t"].to_list() == [9.0]


def test_area_must_be_there(filled: Tree) -> None:
    with pytest.raises(AreaError, match="there is no area adhoc/b"):
        answer(filled.lake, Registry(filled.store), Asked("b", "SELECT 1", "me"), lambda: NOW)
    asked(filled, "SELECT 1 AS one")
    for stage in ("closed", "leaving", "trashed"):
        Registry(filled.store).change("adhoc", "a", lambda held: held.become(stage, NOW, "me", "done"))  # type: ignore[arg-type]  # noqa: B023
    with pytest.raises(AreaError, match="restore it first"):
        asked(filled, "SELECT 1 AS one", now=NOW + timedelta(days=1))
