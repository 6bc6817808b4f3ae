"""What server access logs tell of areas, and that what they do not tell keeps an area."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataops_assets.lifecycle.access_logs import AccessLogs
from dataops_assets.lifecycle.area import Area
from dataops_assets.storage.folder import Folder

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
AREA = Area(kind="adhoc", name="warmth", owner="lab", group="press", used_at=NOW, since=NOW)
LINE = (
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be company-dev [{time}] 192.0.2.3 "
    "arn:aws:iam::123456789012:user/somebody 3E57427F33A59F07 {operation} {key} "
    '"GET /company-dev/{key} HTTP/1.1" {status} - 2662992 3462992 70 10 "-" "S3Console/0.4" - '
    "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 "
    "AuthHeader company-dev.s3.us-west-1.amazonaws.com TLSV1.2 arn:aws:s3:us-west-1:123456789012:accesspoint/a Yes -\n"
)


def line(key: str, time: str = "06/Feb/2024:00:00:38 +0000", operation: str = "REST.GET.OBJECT", status: str = "200") -> str:
    return LINE.format(key=key, time=time, operation=operation, status=status)


def read(tmp_path: Path, *logs: str, ago: timedelta = timedelta(hours=3)) -> tuple[datetime | None, str]:
    """What logs tell of the area, the newest of which came a while ago."""
    store = Folder(tmp_path)
    for number, log in enumerate(logs):
        key = f"logs/2024-02-06-00-{number:02}-38-ABCDEF"
        store.write(key, log.encode(), {})
        os.utime(store.path(key), (((NOW - ago).timestamp()),) * 2)
    found = AccessLogs(store, "logs", "company-dev", "shared/", NOW - timedelta(days=60), lambda: NOW)
    return found.read_at(AREA)


def test_last_read_counts(tmp_path: Path) -> None:
    logs = [
        line("shared/adhoc/warmth/result.parquet") + line("shared/adhoc/other/x", "07/Feb/2024:00:00:38 +0000"),
        line("shared/adhoc/warmth/a%20b%2Bc.csv", "06/Feb/2024:04:00:38 +0200"),
    ]
    assert read(tmp_path, *logs) == (datetime(2024, 2, 6, 2, 0, 38, tzinfo=UTC), "")


@pytest.mark.parametrize(
    "told",
    [
        line("shared/adhoc/warmth/_area.json"),
        line("shared/adhoc/warmth/x", operation="REST.HEAD.OBJECT"),
        line("shared/adhoc/warmth/x", operation="REST.PUT.OBJECT"),
        line("shared/adhoc/warmth/x", status="403"),
        line("adhoc/warmth/x"),
        line("shared/adhoc/warmth/x").replace("company-dev [", "company-prod ["),
    ],
)
def test_what_is_no_read_of_the_area_does_not_count(tmp_path: Path, told: str) -> None:
    assert read(tmp_path, told) == (None, "")


def test_where_logs_do_not_come_any_more_it_is_not_known(tmp_path: Path) -> None:
    at, unknown = read(tmp_path, line("shared/adhoc/warmth/x"), ago=timedelta(days=3))
    assert at
    assert unknown == f"who has read it: access logs do not come to {tmp_path}/logs: the last came on 2024-02-27"
    assert read(tmp_path / "none")[1].endswith("there are none")


@pytest.mark.parametrize("told", ["nonsense\n", line("x", time="yesterday"), line("x")[:150]])
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, told: str) -> None:
    at, unknown = read(tmp_path, line("x") + told.replace(" x ", " shared/adhoc/warmth/x "))
    assert at is None
    assert unknown.startswith(f"who has read it: {tmp_path}/logs/2024-02-06-00-00-38-ABCDEF:2")
