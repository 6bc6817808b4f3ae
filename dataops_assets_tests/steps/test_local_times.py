"""A local time where a moment is promised: what it lacks is told, and the way out works."""

import io
from pathlib import Path

import polars as pl
import pytest

from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.trees import NOW, Tree

SCHEMA = """
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        station: str = pa.Field(description="Its name")
        since: pl.Datetime("us", "UTC") = pa.Field(description="When it was built", nullable=True)
    """
DELIVERED = """

    class Delivered(pa.DataFrameModel):
        station: str = pa.Field(description="Its name")
        since: pl.Datetime("us") = pa.Field(description="When it was built", nullable=True)


    def normalise(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(pl.col("since").dt.replace_time_zone("Europe/Oslo").dt.convert_time_zone("UTC"))
    """
TOLD = "since has 2 local times, which without an offset from UTC are no moments: deliver it with one"


def built(root: Path, form: str, times: list[str]) -> Tree:
    tree = Tree(root)
    tree.write("stations/schema.py", SCHEMA)
    tree.edit("stations/defs.yaml", "files: stations.csv", f"files: stations.{form}")
    rows = pl.DataFrame({"station": ["oslo", "bergen", "moss"], "since": times})
    if form == "csv":
        tree.drop("stations", "stations.csv", rows.write_csv())
        return tree
    written = io.BytesIO()
    rows.with_columns(pl.col("since").str.to_datetime("%Y-%m-%d %H:%M:%S")).write_parquet(written)
    tree.drop("stations", "stations.parquet", written.getvalue())
    return tree


LOCAL = ["2024-01-01 09:00:00", "2024-01-01 10:00:00", ""]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_local_times_lack_is_told_and_the_way_out(tmp_path: Path, form: str) -> None:
    tree = built(tmp_path, form, LOCAL if form == "csv" else [*LOCAL[:2], None])
    [received, refused] = tree.run("stations")
    assert (received.status, refused.status) == ("done", "refused")
    assert TOLD in refused.reason
    told = describe_partition(tree.lake, tree["stations"], None, NOW)
    assert "since.type: since can be read as a date and time with its offset from UTC, but 2 of 3 rows" in told

    tree.write("stations/schema.py", SCHEMA + DELIVERED)
    tree.run("stations")
    assert tree.read("stations")["since"].drop_nulls().dt.hour().sort().to_list() == [8, 9]


def test_it_is_told_where_few_are_tolerated(tmp_path: Path) -> None:
    tree = built(tmp_path, "csv", [*LOCAL[:2], "2024-01-01T10:00:00Z"])
    tree.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 1")
    assert [outcome.status for outcome in tree.run("stations")] == ["done", "done"]
    assert TOLD in describe_partition(tree.lake, tree["stations"], None, NOW)


def test_rubbish_is_not_taken_for_a_local_time(tmp_path: Path) -> None:
    tree = built(tmp_path, "csv", ["soon", "2024-01-01T25:00:00", "2024-01-01T10:00:00Z"])
    _, refused = tree.run("stations")
    assert refused.status == "refused"
    assert "local time" not in refused.reason
