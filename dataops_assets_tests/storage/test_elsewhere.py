"""What is published is read without us: by a glob over hive keys, in a folder and in a bucket."""

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset
import pyarrow.fs
import pytest

from dataops_assets import steps
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets.storage.s3 import S3
from dataops_assets_tests import rights
from dataops_assets_tests.s3_server import ONCE, REGION, Bucket, MakeIdentity
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings

DAYS = ["2024-01-01", "2024-01-02"]
WARMEST = f"select date, max(temperature) as warmest from {{}} where date = '{DAYS[1]}' group by date"


def test_folder_is_read_by_a_glob(filled: Tree) -> None:
    files = f"{filled.store.root}/staged/readings/*/*.parquet"
    found = pl.scan_parquet(files, hive_partitioning=True).filter(pl.col("date").cast(pl.String) == DAYS[1]).collect()
    assert found.height == 4
    assert "verdict" not in found.columns, "no technical columns"
    query = WARMEST.format(f"read_parquet('{files}', hive_partitioning=true)")
    assert duckdb.sql(query).fetchall()[0][1] == found["temperature"].max()
    dataset = pyarrow.dataset.dataset(f"{filled.store.root}/staged/readings", partitioning="hive", format="parquet")
    assert dataset.to_table(filter=pyarrow.dataset.field("date") == DAYS[1]).num_rows == 4


@pytest.fixture(params=["moto", pytest.param("versitygw", marks=pytest.mark.s3)])
def published(request: pytest.FixtureRequest, tree: Tree, bucket: Bucket, tmp_path: Path) -> Bucket:
    """A bucket in which two days of readings are published, as whoever may read just these sees it; moto lets everybody."""
    store = S3(bucket.name, "", Folder(tmp_path / "here"), client=bucket.client(retries=ONCE))
    lake = Lake(tree.catalog(), store)
    store.write("landing/stations/stations.csv", STATIONS.encode(), {})
    for day in DAYS:
        store.write(f"landing/readings/{day}.csv", readings(day).encode(), {})
    for name, keys in (("stations", [None]), ("readings", DAYS)):
        for step in (
            steps.receive(lake, lake.catalog[name], keys, NOW),
            steps.stage(lake, lake.catalog[name], keys, "run", NOW),
        ):
            assert {outcome.status for outcome in step} == {"done"}
    if request.node.get_closest_marker("s3"):
        make: MakeIdentity = request.getfixturevalue("identity")
        return bucket.by(make("reader", rights.of("prod/analyst-analysts", prod=bucket.name)))
    return bucket


def test_bucket_is_read_by_a_glob(published: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)  # polars would prefer it to what it is told
    options: dict[str, Any] = {
        "aws_endpoint_url": published.endpoint,
        "aws_access_key_id": published.credentials.key_id,
        "aws_secret_access_key": published.credentials.secret,
        "aws_region": REGION,
        "aws_allow_http": "true",
    }
    files = f"s3://{published.name}/staged/readings/*/*.parquet"
    found = pl.scan_parquet(files, hive_partitioning=True, storage_options=options)
    assert found.filter(pl.col("date").cast(pl.String) == DAYS[1]).collect().height == 4
    fs = pyarrow.fs.S3FileSystem(
        access_key=published.credentials.key_id,
        secret_key=published.credentials.secret,
        endpoint_override=published.endpoint,
        region=REGION,
    )
    at = f"{published.name}/staged/readings"
    dataset = pyarrow.dataset.dataset(at, filesystem=fs, partitioning="hive", format="parquet")
    rows = dataset.to_table()
    assert duckdb.sql(WARMEST.format("rows")).fetchall()[0][0] == DAYS[1]
    assert rows.num_rows == 8
