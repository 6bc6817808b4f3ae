"""The envelope gate: every rule green and red."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from dataops_assets.contract import Catalog, Dataset, Partition
from dataops_assets.gate.envelope import Part, judge_envelope
from dataops_assets.gate.reading import DeliveryError
from dataops_assets.gate.verdict import RuleResult
from dataops_assets_tests.trees import STATIONS, Tree

DAY = "2024-01-05"
GOOD = pl.DataFrame(
    [{"station": "oslo", "day": DAY, "hour": "1", "temperature": "3.5", "note": None}] * 4,
    schema=dict.fromkeys(["station", "day", "hour", "temperature", "note"], pl.String),
)
PART = Part(f"{DAY}.csv", "ab12", 100, {})


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """As the good tree, with another dataset whose partition is told by three columns."""
    tree = Tree(tmp_path_factory.mktemp("tree"))
    tree.write("parts/defs.yaml", (tree.defs / "readings/defs.yaml").read_text())
    tree.write("parts/schema.py", (tree.defs / "readings/schema.py").read_text())
    tree.edit("parts/defs.yaml", "columns: [day]", "columns: [year, month, day]")
    tree.edit("parts/defs.yaml", "key: [station, day, hour]", "key: [station, year, month, day]")
    tree.edit("parts/schema.py", "day: pl.Date =", "year: pl.Int16\n    month: pl.Int8\n    day: pl.Int8 =")
    return tree.catalog()


@pytest.fixture
def readings(catalog: Catalog) -> Dataset:
    return catalog["readings"]


def judge(
    dataset: Dataset,
    text: pl.DataFrame | DeliveryError = GOOD,
    part: Part = PART,
    history: Sequence[int] = (),
    others: Mapping[str, Sequence[str]] | None = None,
    partition: Partition = DAY,
) -> dict[str, RuleResult]:
    tables = text if isinstance(text, DeliveryError) else [text]
    parts = [part if isinstance(text, DeliveryError) else replace(part, rows=text.height)]
    return {result.rule: result for result in judge_envelope(dataset, partition, parts, tables, history, others or {})}


def judge_parts(
    dataset: Dataset, tables: Mapping[str, pl.DataFrame], others: Mapping[str, Sequence[str]] | None = None, **promised: int
) -> dict[str, RuleResult]:
    """Parts by their names, and for each the rows that are promised of it, if any are."""
    totals = {name: {"rows": promised[name]} if name in promised else {} for name in tables}
    parts = [Part(name, "ab12", 100, totals[name], table.height) for name, table in tables.items()]
    return {result.rule: result for result in judge_envelope(dataset, DAY, parts, [*tables.values()], [], others or {})}


def broken(results: dict[str, RuleResult]) -> dict[str, str]:
    """The rules that refuse or warn; whatever refuses knows a way out."""
    assert all((result.status == "passed") == (not result.broken) == (not result.detail) for result in results.values())
    assert all(result.status != "refused" or result.remedy or results["own_file"].remedy for result in results.values())
    return {name: result.status for name, result in results.items() if result.status != "passed"}


def test_good_delivery_passes_every_rule(readings: Dataset) -> None:
    results = judge(readings, history=[4] * 7)
    assert broken(results) == {}
    assert list(results) == [
        "control_totals", "readable", "not_empty", "row_count", "columns", "columns_order", "own_file", "partition",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("promised", "detail"),
    [
        ({}, ""),
        ({"bytes": 100, "sha256": "ab12", "rows": 4}, ""),
        ({"sha256": "AB12"}, ""),
        ({"bytes": 101}, f"{DAY}.csv: bytes is 100, promised was 101"),
        ({"sha256": "ab13"}, f"{DAY}.csv: sha256 is ab12, promised was ab13"),
        ({"sha256": "ab\n13"}, rf"{DAY}.csv: sha256 is ab12, promised was ab\n13"),
        ({"rows": 5}, f"{DAY}.csv: rows is 4, promised was 5"),
        ({"rows": 0}, f"{DAY}.csv: rows is 4, promised was 0"),
    ],
)
def test_control_totals(readings: Dataset, promised: dict[str, Any], detail: str) -> None:
    results = judge(readings, part=Part(PART.name, "ab12", 100, promised))
    assert results["control_totals"].detail == detail
    assert broken(results) == ({"control_totals": "refused"} if detail else {})


def test_every_part_is_totalled_for_itself(readings: Dataset) -> None:
    tables = {"a": GOOD[:3], "b": GOOD[:1], "c": GOOD}
    assert broken(judge_parts(readings, tables, a=3, b=1)) == {}
    found = judge_parts(readings, tables, a=2, b=2)["control_totals"]
    assert found.detail == "a: rows is 3, promised was 2; b: rows is 1, promised was 2"


def test_rows_that_were_erased_are_among_those_promised(readings: Dataset) -> None:
    assert broken(judge(readings, part=replace(PART, promised={"rows": 6}, left_out=2))) == {}
    found = judge(readings, part=replace(PART, promised={"rows": 5}, left_out=2))
    assert found["control_totals"].detail == f"{DAY}.csv: rows is 6, promised was 5"


def test_table_without_partitions_is_compared_with_its_deliveries_before(catalog: Catalog) -> None:
    table = pl.DataFrame({"station": ["oslo"], "height": ["94"]})
    assert broken(judge(catalog["stations"], table, history=[1], partition=None)) == {}
    found = judge(catalog["stations"], table, history=[20], partition=None)
    assert broken(found) == {"row_count": "refused"}
    assert found["row_count"].detail == "1 rows; the median of the 1 before is 20"


def test_a_moment_of_the_partition_is_of_it(catalog: Catalog) -> None:
    assert broken(judge(catalog["readings"], GOOD.with_columns(day=pl.col("day") + "T09:00:00"))) == {}


MOMENTS = pl.DataFrame({"at": ["2024-01-04T23:30:00Z", "2024-01-05T22:59:59Z"]})


@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo", "America/New_York"])
@pytest.mark.parametrize("typed", ["text", "UTC", "Europe/Oslo"])
def test_a_moment_is_of_the_day_that_it_is_in_where_midnights_part_days(tree: Tree, zone: str, typed: str) -> None:
    tree.edit("readings/defs.yaml", "columns: [day]", "columns: [at]")
    tree.edit("readings/schema.py", "    hour:", f'    at: pl.Datetime(time_unit="us", time_zone="{zone}")\n    hour:')
    at = pl.col("at") if typed == "text" else pl.col("at").str.to_datetime(time_zone="UTC").dt.convert_time_zone(typed)
    given = pl.concat([GOOD[:2], MOMENTS], how="horizontal").select("station", "day", at, "hour", "temperature", "note")
    assert broken(judge(tree["readings"], given)) == {}
    results = judge(tree["readings"], given, partition="2024-01-04")
    assert results["partition"].detail.startswith("2 of 2 rows are of another partition; row 1 has at 2024-01-0")


def test_unreadable_delivery_says_why_and_nothing_else(readings: Dataset) -> None:
    results = judge(
        readings, DeliveryError("a.csv", "it is damaged", "Mend it"), part=Part("a.csv", "a", 1, {"bytes": 2, "rows": 5})
    )
    assert broken(results) == {"control_totals": "refused", "readable": "refused"}
    assert (results["readable"].detail, results["readable"].remedy) == ("it is damaged", "Mend it")
    assert results["control_totals"].detail == "a.csv: bytes is 1, promised was 2"


def test_delivery_without_a_row_is_refused(readings: Dataset) -> None:
    assert broken(judge(readings, GOOD.clear(), history=[4] * 28)) == {"not_empty": "refused"}


@pytest.mark.parametrize(
    ("history", "red"),
    [
        pytest.param([], False, id="first_partition"),
        pytest.param([4000] * 6, False, id="cold_start"),
        pytest.param([4000] * 7, True, id="too_few"),
        pytest.param([1] * 7, True, id="too_many"),
        pytest.param([8] * 7, False, id="half_is_enough"),
        pytest.param([2] * 7, False, id="twice_is_enough"),
        pytest.param([4] * 4 + [4000] * 3, False, id="median_not_mean"),
        pytest.param([9, 9, 9, 9, 8, 8, 8, 8], True, id="median_of_an_even_number"),
    ],
)
def test_row_count_is_compared_with_the_partitions_before(readings: Dataset, history: list[int], red: bool) -> None:
    assert broken(judge(readings, history=history)) == ({"row_count": "refused"} if red else {})


def test_row_count_is_not_compared_where_the_contract_says_so(tree: Tree) -> None:
    tree.edit("readings/defs.yaml", "rows: [0.5, 2]", "rows: null")
    assert "row_count" not in judge(tree["readings"], history=[4000] * 28)


@pytest.mark.parametrize(
    ("text", "red", "detail"),
    [
        pytest.param(GOOD.drop("note"), {"columns": "refused"}, "missing: note", id="missing"),
        pytest.param(
            GOOD.with_columns(note=pl.duration(nanoseconds=1)),
            {"columns": "refused"},
            "note is Duration(time_unit='ns') in 2024-01-05.csv, which is no text",
            id="no_text",
        ),
        pytest.param(
            GOOD.rename({"temperature": "temp"}),
            {"columns": "refused"},
            "temperature seems to be renamed temp",
            id="renamed_alike",
        ),
        pytest.param(
            GOOD.rename({"temperature": "celsius"}),
            {"columns": "refused"},
            "temperature seems to be renamed celsius",
            id="renamed",
        ),
        pytest.param(
            GOOD.drop("note").rename({"hour": "hours"}),
            {"columns": "refused"},
            "hour seems to be renamed hours; missing: note",
            id="renamed_and_missing",
        ),
        pytest.param(
            GOOD.select(pl.col("hour").alias("<html>")),
            {"columns": "refused", "columns_order": "warned"},
            "missing: station, day, hour, temperature, note",
            id="something_else",
        ),
        pytest.param(
            GOOD.with_columns(wind=pl.lit("1")), {"columns_order": "warned"}, "extra: wind (kept in raw, not read)", id="extra"
        ),
        pytest.param(
            GOOD.select("day", "station", "hour", "temperature", "note"),
            {"columns_order": "warned"},
            "another order: day, station, hour, temperature, note",
            id="reordered",
        ),
        pytest.param(
            GOOD.rename({"hour": "Hour "}), {"columns": "refused"}, "hour seems to be renamed Hour ", id="written_otherwise"
        ),
        pytest.param(
            GOOD.rename(str.upper).rename({"DAY": "Day"}),
            {"columns": "refused"},
            "station seems to be renamed STATION; day seems to be renamed Day; hour seems to be renamed HOUR; "
            "temperature seems to be renamed TEMPERATURE; note seems to be renamed NOTE",
            id="in_capitals",
        ),
    ],
)
def test_columns_that_differ_are_told_apart(readings: Dataset, text: pl.DataFrame, red: dict[str, str], detail: str) -> None:
    results = judge(readings, text)
    assert broken(results) == red
    assert results[next(iter(red))].detail == detail


WIND = GOOD.with_columns(wind=pl.lit("1"))


@pytest.mark.parametrize(
    ("tables", "red", "told"),
    [
        pytest.param({"a": GOOD, "b": GOOD.drop("note")}, "columns", "b: missing: note", id="missing"),
        pytest.param({"a": GOOD.drop("note"), "b": GOOD}, "columns", "a: missing: note", id="missing_in_the_first"),
        pytest.param(
            {"a": GOOD, "b": GOOD.rename({"hour": "hours"})}, "columns", "b: hour seems to be renamed hours", id="renamed"
        ),
        pytest.param({"a": GOOD, "b": WIND}, "columns_order", "b: extra: wind (kept in raw, not read)", id="extra"),
        pytest.param(
            {"a": GOOD, "b": GOOD.select(GOOD.columns[::-1])},
            "columns_order",
            "b: another order: note, temperature, hour, day, station",
            id="reordered",
        ),
        pytest.param({"a": WIND, "b": WIND}, "columns_order", "extra: wind (kept in raw, not read)", id="all_alike"),
        pytest.param(
            {"a": GOOD.drop("note"), "b": GOOD, "c": GOOD.drop("note"), "d": GOOD.drop("hour")},
            "columns",
            "a, c: missing: note; d: missing: hour",
            id="several",
        ),
        pytest.param(
            {"a": GOOD, "b": GOOD.with_columns(pl.col("hour").cast(pl.Int8))},
            "columns",
            "hour is Int8 in b, and String in a",
            id="of_another_type",
        ),
    ],
)
def test_columns_of_each_part_are_told_apart(readings: Dataset, tables: dict[str, pl.DataFrame], red: str, told: str) -> None:
    results = judge_parts(readings, tables)
    assert broken(results) == {red: "refused" if red == "columns" else "warned"}
    assert results[red].detail == told


def test_part_that_belongs_to_another_dataset_is_recognised(readings: Dataset) -> None:
    stations = pl.DataFrame({"station": ["oslo"], "height": ["94"]})
    results = judge_parts(readings, {"a": GOOD, "b": stations}, others={"stations": ["station", "height"]})
    assert results["own_file"].detail == "b: its columns are those of stations"


def test_row_of_another_partition_is_told_by_its_part(readings: Dataset) -> None:
    other = GOOD.with_columns(day=pl.Series([DAY, "2024-01-06", DAY, DAY]))
    results = judge_parts(readings, {"a": GOOD, "b": other, "c": other})
    assert broken(results) == {"partition": "refused"}
    assert results["partition"].detail == "2 of 12 rows are of another partition; row 2 of b has day 2024-01-06"


def test_file_of_another_dataset_is_recognised(readings: Dataset) -> None:
    text = pl.DataFrame({"height": ["94"], "station": ["oslo"]})
    results = judge(readings, text, others={"stations": ["station", "height"], "other": ["station"]})
    assert broken(results) == {"columns": "refused", "own_file": "refused", "columns_order": "warned"}
    assert results["own_file"].detail == "its columns are those of stations"


def test_file_of_another_dataset_is_recognised_though_it_has_every_column_of_ours(readings: Dataset) -> None:
    wind = GOOD.with_columns(wind=pl.lit("1"))
    results = judge(readings, wind, others={"gales": wind.columns[::-1], "other": [*wind.columns, "more"]})
    assert broken(results) == {"own_file": "refused", "columns_order": "warned"}
    assert results["own_file"].detail == "its columns are those of gales"


def test_first_row_of_a_file_without_a_header_is_shown_of_public_data_only(tree: Tree) -> None:
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    without = pl.DataFrame({"oslo": ["bergen"], DAY: [DAY], "a secret": ["x"]})
    results = judge(tree["readings"], without)
    assert results["columns"].detail == "missing: station, day, hour, temperature, note"
    told = "extra: 3, without a header, so that values are withheld, since the data is internal (kept in raw, not read)"
    assert results["columns_order"].detail == told
    assert judge(tree["readings"], GOOD.rename({"hour": "hours"}))["columns"].detail == "hour seems to be renamed hours"


def test_partition_in_the_file_is_shown_of_public_data_only(tree: Tree) -> None:
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: internal")
    results = judge(tree["readings"], GOOD.with_columns(day=pl.lit("2024-01-06")))
    first = "row 1 is the first; values are withheld, since the data is internal"
    assert results["partition"].detail == f"4 of 4 rows are of another partition; {first}"


def test_own_file_is_not_mistaken_for_another_dataset_of_the_same_columns(readings: Dataset) -> None:
    assert broken(judge(readings, others={"twin": GOOD.columns})) == {}


def in_words(detail: str) -> str:
    """`2 rows, row 3: day …`, as the gate says it."""
    return re.sub(r"(\d) rows, row (\d): (.*)", r"\1 of 4 rows are of another partition; row \2 has \3", detail)


@pytest.mark.parametrize(
    ("days", "detail"),
    [
        pytest.param([DAY, f" {DAY} ", f"{DAY}T23:00:00Z", DAY], "", id="own"),
        pytest.param([DAY, DAY, "2024-01-06", "2023-01-05"], "2 rows, row 3: day 2024-01-06", id="other"),
        pytest.param([DAY, None, "", "2024-02-30"], "", id="none"),
        pytest.param([None, "x", "2024-01-06", DAY], "1 rows, row 3: day 2024-01-06", id="none_and_other"),
    ],
)
def test_partition_in_one_column(readings: Dataset, days: list[str | None], detail: str) -> None:
    results = judge(readings, GOOD.with_columns(day=pl.Series(days, dtype=pl.String)))
    assert results["partition"].detail == in_words(detail)
    assert broken(results) == ({"partition": "refused"} if detail else {})


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        pytest.param(("2024", "1", "5"), "", id="own"),
        pytest.param(("2024", "01", " 05"), "", id="own_with_zeros"),
        pytest.param(("2024.0", "1.0", "5.0"), "", id="own_as_pandas_writes_with_gaps"),
        pytest.param((2024.0, 1.0, 5.0), "", id="own_as_floats"),
        pytest.param((2024.0, None, 6.0), "4 rows, row 1: year 2024.0, month None, day 6.0", id="other_day_as_floats"),
        pytest.param(("2024", "1", "6"), "4 rows, row 1: year 2024, month 1, day 6", id="other_day"),
        pytest.param(("2024", "5", "1"), "4 rows, row 1: year 2024, month 5, day 1", id="swapped"),
        pytest.param(("2024", None, "5"), "", id="none"),
        pytest.param(("2024", "x", "5"), "", id="rubbish"),
        pytest.param(("2023", "x", "5"), "4 rows, row 1: year 2023, month x, day 5", id="rubbish_of_another_year"),
    ],
)
def test_partition_in_three_columns(catalog: Catalog, parts: tuple[str | float | None, ...], detail: str) -> None:
    values = [
        pl.lit(value, None if value else pl.String).alias(name)
        for name, value in zip(("year", "month", "day"), parts, strict=True)
    ]
    text = GOOD.with_columns(values).select(list(catalog["parts"].delivered.columns))
    results = judge(catalog["parts"], text)
    assert results["partition"].detail == in_words(detail)
    assert broken(results) == ({"partition": "refused"} if detail else {})


@pytest.mark.parametrize(
    ("edit", "days", "detail"),
    [
        (("day: pl.Date = pa.Field(", "day: str = pa.Field("), [DAY, None, DAY, DAY + "9"], f"1 rows, row 4: day {DAY}9"),
        (("day: pl.Date = pa.Field(", "day: str = pa.Field("), [DAY, None, "05.01.2024", DAY], "1 rows, row 3: day 05.01.2024"),
        (("day: pl.Date = pa.Field(", "day: pl.Date = pa.Field(nullable=True, "), [DAY, "x", "", DAY], "1 rows, row 3: day "),
    ],
)
def test_a_row_that_the_content_gate_would_publish_names_its_partition(
    tree: Tree, edit: tuple[str, str], days: list[str | None], detail: str
) -> None:
    tree.edit("readings/schema.py", *edit)
    tree.edit("readings/defs.yaml", "key: [station, day, hour]", "key: [station, hour]")
    results = judge(tree["readings"], GOOD.with_columns(day=pl.Series(days, dtype=pl.String)))
    assert results["partition"].detail == in_words(detail)


@pytest.mark.parametrize("day", [pl.lit(DAY).str.to_date(), pl.lit(DAY).str.to_datetime("%Y-%m-%d"), pl.lit([DAY])])
def test_typed_columns_do_not_break_the_gate(readings: Dataset, day: pl.Expr) -> None:
    assert broken(judge(readings, GOOD.with_columns(day=day))) == {}


def test_extra_columns_may_be_called_anything(readings: Dataset) -> None:
    text = GOOD.with_columns(pl.lit("1").alias(name) for name in ("__row", "row", "__was_day", ""))
    assert broken(judge(readings, text)) == {"columns_order": "warned"}


@pytest.mark.parametrize(
    "config", [{"strict": True}, {"ordered": True}, {"strict": True, "ordered": True}, {"strict": "filter"}, {}]
)
@pytest.mark.parametrize("given", ["dhntw", "shdtn", "sdhtnw", "sdhtn", "wsdhtn", "sdhtwn"])
def test_columns_are_refused_where_pandera_refuses_them(tmp_path: Path, config: dict[str, object], given: str) -> None:
    """A model may say `strict` and `ordered`; without, columns more and another order are what warns."""
    tree = Tree(tmp_path)
    said = "".join(f"        {name} = {value!r}\n" for name, value in config.items())
    tree.edit("readings/schema.py", "    note: str", f"    class Config:\n{said or '        name = None'}\n    note: str")
    dataset = tree.catalog()["readings"]
    text = GOOD.with_columns(wind=pl.lit("1")).select([c for g in given for c in [*GOOD.columns, "wind"] if c[0] == g])
    try:
        dataset.schema.model.to_schema().validate(
            pl.DataFrame(schema={c: dataset.schema.polars.get(c, pl.String) for c in text.columns})
        )
        refused = False
    except pa.errors.SchemaError:
        refused = True
    assert (judge(dataset, text)["columns"].status == "refused") == refused


def test_keys_of_json_objects_have_no_order(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "{partition}.csv", "{partition}.ndjson")
    tree.edit("readings/schema.py", "    note: str", "    class Config:\n        ordered = True\n\n    note: str")
    found = judge(tree.catalog()["readings"], GOOD.select(reversed(GOOD.columns)))
    assert (found["columns"].status, found["columns_order"].status) == ("passed", "passed")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (["note"], "refused"),
        ([*GOOD.columns], "passed"),
        ([column for column in GOOD.columns if column != "note"], "passed"),
        ([column for column in GOOD.columns if column != "day"], "refused"),
        ([*(column for column in GOOD.columns if column != "note"), "notes"], "refused"),
        ([*(column for column in GOOD.columns if column != "note"), "wind"], "refused"),
        ([*GOOD.columns, "wind"], "passed"),
    ],
    ids=["others", "all", "without one that may be none", "without one that may not", "renamed", "unlike", "one more"],
)
def test_of_json_what_may_be_without_a_value_may_be_left_out(tmp_path: Path, given: list[str], status: str) -> None:
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "{partition}.csv", "{partition}.ndjson")
    text = GOOD.select(GOOD[column] if column in GOOD.columns else pl.lit("1").alias(column) for column in given)
    assert judge(tree.catalog()["readings"], text)["columns"].status == status


def test_a_day_of_json_without_a_nullable_key_is_published(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.edit("readings/defs.yaml", "{partition}.csv", "{partition}.ndjson")
    row = '{{"station": "oslo", "day": "2024-01-01", "hour": {hour}, "temperature": 1}}\n'
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", "2024-01-01.ndjson", "".join(row.format(hour=hour) for hour in range(3)))
    tree.run()
    assert tree.read("readings", "2024-01-01")["note"].to_list() == [None] * 3
