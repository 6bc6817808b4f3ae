"""One good tree, and one broken tree for every rule: each is told with file, line and a remedy that is really the way out."""

import copy
import functools
import inspect
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from dataops_assets.contract import ContractError, DerivedAttributes, IngestedAttributes, Policy
from dataops_assets_tests.trees import GOOD, Tree

Edit = tuple[str, str, str | None]
"""File, what stands there, what replaces it; an empty `old` stands for the whole file, None in place of `new` removes it."""


@dataclass
class Broken:
    """A mistake.

    Attributes:
        edit: What is done to the good tree.
        says: What the message must say.
        remedy: What the remedy must say.
        at: The line where it is told holds this; None for the line of what was written.
        mended: What the remedy leads to, in place of the mistake; None to leave all as it was in the good tree.
        told_in: The file that is named, if it is another one.
        also: What is done before, and is no mistake.
    """

    edit: Edit
    says: str
    remedy: str
    at: str | None = None
    mended: str | None = None
    told_in: str | None = None
    also: tuple[Edit, ...] = ()


def apply(tree: Tree, edit: Edit) -> None:
    file, old, new = edit
    if new is None:
        tree.remove(file)
    elif old:
        tree.edit(file, old, new)
    else:
        tree.write(file, new)


READINGS, STATIONS, DAILY = "readings/defs.yaml", "stations/defs.yaml", "daily/defs.yaml"
SCHEMA, TRANSFORM, POLICY = "readings/schema.py", "daily/transform.py", "policy.yaml"
NOTED = 'return data.lazyframe.select(pl.col("temperature").is_not_null() | pl.col("note").is_not_null())'

ELEMENT_WISE = """\
    @pa.check("hour", element_wise=True)
    def odd(cls, value):
        '''it is odd'''
        return value % 2

    note: str"""

HEIGHTS: tuple[Edit, ...] = (
    (
        "heights/defs.yaml",
        "",
        GOOD[DAILY]
        .replace("inputs: [readings, stations]", "inputs: [stations]")
        .replace("          partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}\n", "")
        .replace("key: [station, day]", "key: [station]"),
    ),
    ("heights/schema.py", "", GOOD["stations/schema.py"]),
    ("heights/transform.py", "", "def transform(stations):\n    return stations\n"),
)
"""A curated dataset without partitions."""

CASES: dict[str, Broken] = {
    # what may be written at all
    "unknown_attribute": Broken(
        (READINGS, "tolerance: 0.5", "tolerence: 0.5"),
        "unknown attribute `tolerence`",
        "did you mean `tolerance`?",
        mended="tolerance: 0.5",
    ),
    "unknown_attribute_unlike_any": Broken(
        (READINGS, "tolerance: 0.5", "xyzzy: 1"), "unknown attribute `xyzzy`", "known here: description, owner, readers"
    ),
    "unknown_attribute_inside": Broken(
        (READINGS, "timezone: Europe/Oslo", "timezones: Europe/Oslo"),
        "unknown attribute `timezones`",
        "did you mean `timezone`?",
    ),
    "not_yaml": Broken((READINGS, "owner: lab", "owner: @lab"), "not readable as YAML", "mend the syntax at this line"),
    "no_mapping": Broken((POLICY, "", "- owners\n"), "not a mapping", "write `key: value` lines"),
    "key_twice": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 0.5\n  owner: nobody"),
        "`owner` stands here twice",
        "remove one of the two",
        at="owner: nobody",
        mended="tolerance: 0.5",
    ),
    "alias": Broken(
        (READINGS, "key: [station, day, hour]", "key: &key [station, day, hour]\n  description2: *key"),
        "a YAML alias",
        "write the value out",
        at="*key",
    ),
    "alias_in_a_list": Broken(
        (READINGS, "key: [station, day, hour]", "key:\n    - &s station\n    - day\n    - *s"),
        "a YAML alias",
        "write the value out",
        at="*s",
    ),
    "nested_so_deep_that_it_would_end_the_process": Broken(
        (READINGS, "owner: lab", f"owner: {'[' * 100_000}{']' * 100_000}"),
        "more than 20 values in one another",
        "write it flat",
    ),
    "tag_that_its_value_does_not_keep": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: !!bool x"), "x cannot be read", "mend the value"
    ),
    "no_such_day": Broken((READINGS, "end: 2024-01-20", "end: 2024-02-30"), "2024-02-30 cannot be read", "mend the value"),
    "type_unknown": Broken(
        (READINGS, "type: dataops_assets.components.IngestedDataset", "type: dataops_assets.components.IngestDataset"),
        "unknown type",
        "did you mean `dataops_assets.components.IngestedDataset`?",
    ),
    "attributes_missing": Broken(
        (STATIONS, "", "type: dataops_assets.components.IngestedDataset\n"),
        "`attributes` is missing",
        "add `attributes:`",
        at="type",
    ),
    "folder_is_no_name": Broken(
        ("Heights/defs.yaml", "", GOOD[STATIONS]), "`Heights` cannot be the name of a dataset", "small letters", at="type:"
    ),
    "name_twice": Broken(
        ("x/stations/defs.yaml", "", GOOD[STATIONS]),
        "a dataset `stations` stands in defs/stations, too",
        "rename one of the folders",
        at="attributes:",
        also=(("x/stations/schema.py", "", GOOD["stations/schema.py"]),),
    ),
    # names
    "unknown_owner": Broken((READINGS, "owner: lab", "owner: labs"), "unknown owner `labs`", "did you mean `lab`?"),
    "unknown_readers": Broken(
        (READINGS, "readers: [analysts, press]", "readers: [analysts, press, pres]"),
        "unknown reader group `pres`",
        "did you mean `press`?, or name it in policy.yaml",
    ),
    "unknown_classification": Broken(
        (DAILY, "classification: public", "classification: publik"), "unknown classification `publik`", "did you mean `public`?"
    ),
    "unknown_lifecycle": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: eternal"),
        "unknown lifecycle class `eternal`",
        "use one of standard, short, or name it in policy.yaml",
    ),
    "unknown_input": Broken(
        (DAILY, "inputs: [readings, stations]", "inputs: [readings, station]"),
        "unknown input `station`",
        "did you mean `stations`?",
        also=((TRANSFORM, "(readings: pl.LazyFrame, stations: pl.LazyFrame)", "(readings, station)"),),
    ),
    # readers and classifications
    "no_readers": Broken(
        (READINGS, "readers: [analysts, press]", "readers: []"), "`readers` is []", "Reader groups of `policy.yaml`"
    ),
    "wider_readers": Broken(
        (DAILY, "readers: [analysts, press]", "readers: [analysts, press, branches]"),
        "readers are wider than those of the input `readings`: branches",
        "say `declassified: <reason>`",
        mended="readers: [analysts, press, branches]\n  declassified: they are summed up",
        also=((STATIONS, "readers: [analysts, press]", "readers: [analysts, press, branches]"),),
    ),
    "lower_classification": Broken(
        (DAILY, "classification: public", "classification: internal"),
        "classification `internal` is lower than `secret` of the input `readings`",
        "use `secret`, or say `declassified: <reason>`",
        mended="classification: internal\n  declassified: they are summed up",
        also=((READINGS, "classification: public", "classification: secret"),),
    ),
    # columns
    "no_key": Broken((READINGS, "key: [station, day, hour]", "key: []"), "`key` is []", "The columns that tell rows apart"),
    "key_unknown": Broken(
        (READINGS, "key: [station, day, hour]", "key: [station, day, our]"),
        "column `our` is not in the schema",
        "did you mean `hour`?",
    ),
    "key_nullable": Broken(
        (READINGS, "key: [station, day, hour]", "key: [station, day, hour, note]"),
        "key column `note` may be without a value",
        "make it not nullable in schema.py, or choose another key",
    ),
    "chart_column": Broken(
        (DAILY, "key: [station, day]", "key: [station, day]\n  chart: {x: dey, y: warmest, title: Warm}"),
        "column `dey` is not in the schema",
        "did you mean `day`?",
        at="chart:",
    ),
    "partition_column": Broken(
        (READINGS, "columns: [day]", "columns: [date]"), "column `date` is not delivered", "use one of station, day"
    ),
    "hive_name": Broken(
        (SCHEMA, "hour: pl.Int8", "date: pl.Date = pa.Field(nullable=True)\n    hour: pl.Int8"),
        "column `date` collides with the partition of that name",
        "rename the column in schema.py",
        at="partitions:",
        told_in=READINGS,
        mended="date_: pl.Date = pa.Field(nullable=True)\n    hour: pl.Int8",
    ),
    # references
    "reference_dataset": Broken(
        (READINGS, "dataset: stations}", "dataset: station}"),
        "reference to the unknown dataset `station`",
        "did you mean `stations`?",
        at="- {columns: [station]",
    ),
    "reference_own_column": Broken(
        (READINGS, "{columns: [station]", "{columns: [statoin]"),
        "column `statoin` is not in the schema",
        "did you mean `station`?",
    ),
    "reference_other_column": Broken(
        (READINGS, "dataset: stations}", "dataset: stations, to: [name]}"),
        "reference to the unknown column `name` of `stations`",
        "use one of station, height",
    ),
    "reference_count": Broken(
        (READINGS, "{columns: [station]", "{columns: [station, note]"),
        "2 columns refer to 1 of `stations`",
        "name one column for each of station",
    ),
    "reference_type": Broken(
        (READINGS, "{columns: [station], dataset: stations}", "{columns: [hour], dataset: stations, to: [height]}"),
        "`hour` is Int8, but `height` of `stations` is Int16",
        "give both the same type in schema.py",
    ),
    "reference_to_partitions": Broken(
        (DAILY, "key: [station, day]", "key: [station, day]\n  references: [{columns: [day], dataset: readings, to: [day]}]"),
        "reference to `readings`, which has partitions",
        "refer to a dataset without partitions",
        at="references:",
    ),
    "reference_to_curated": Broken(
        (READINGS, "dataset: stations}", "dataset: heights}"),
        "reference to `heights`, which is curated",
        "refer to a delivered dataset",
        also=HEIGHTS,
    ),
    "reference_twice": Broken(
        (
            READINGS,
            "- {columns: [station], dataset: stations}",
            "- {columns: [station], dataset: stations}\n    - {columns: [station], dataset: stations}",
        ),
        "2 rules are called `station.in_stations`",
        "remove one",
        told_in=SCHEMA,
        at="import pandera",
    ),
    "cycle_of_inputs": Broken(
        ("peaks/defs.yaml", "", str(HEIGHTS[0][2]).replace("[stations]", "[heights]")),
        "made from itself: ",
        "remove one of these inputs",
        at="inputs:",
        also=(
            *HEIGHTS,
            ("heights/defs.yaml", "inputs: [stations]", "inputs: [peaks]"),
            ("peaks/schema.py", "", GOOD["stations/schema.py"]),
            ("peaks/transform.py", "", "def transform(heights):\n    return heights\n"),
            ("heights/transform.py", "(stations)", "(peaks)"),
        ),
    ),
    "cycle_of_references": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  references: [{columns: [station], dataset: stations}]"),
        "made from itself: stations → stations",
        "remove one of these references",
        at="references:",
    ),
    # partitions
    "end_before_start": Broken(
        (READINGS, "end: 2024-01-20", "end: 2023-12-31"),
        "2023-12-31, is before the first, 2024-01-01",
        "swap them",
        at="partitions:",
    ),
    "start_is_no_day": Broken(
        (READINGS, "start: 2024-01-01", "start: soon"), "'soon' is not a day", "write it as `2013-01-05`"
    ),
    "start_has_no_such_month": Broken(
        (DAILY, "start: 2024-01,", "start: 2024-13,"), "`start` is '2024-13'", "The first partition"
    ),
    "timezone": Broken(
        (READINGS, "timezone: Europe/Oslo", "timezone: Europe/Olso"),
        "'Europe/Olso' is no IANA time zone",
        "did you mean `Europe/Oslo`?",
    ),
    "timezone_of_input": Broken(
        (DAILY, "timezone: Europe/Oslo}", "timezone: UTC}"),
        "time zone UTC differs from Europe/Oslo of the input `readings`",
        "write `timezone: Europe/Oslo`",
    ),
    "starts_before_its_input": Broken(
        (DAILY, "start: 2024-01,", "start: 2023-12,"),
        "starts before its input `readings`, whose first partition is 2024-01-01",
        "write `start: 2024-01`",
        at="partitions:",
        mended="start: 2024-01,",
    ),
    "ends_after_its_input": Broken(
        (DAILY, "end: 2024-01,", "end: 2024-02,"),
        "goes on after its input `readings`, whose last partition is 2024-01-20",
        "write an `end` that is not after 2024-01-20",
        at="partitions:",
        mended="end: 2024-01-20,",
    ),
    "never_ends_unlike_its_input": Broken(
        (DAILY, " end: 2024-01,", ""),
        "goes on after its input `readings`, whose last partition is 2024-01-20",
        "write an `end` that is not after 2024-01-20",
        at="partitions:",
    ),
    "gap_after_the_end": Broken(
        (READINGS, "tolerance: 0.5", "gaps: [{partition: 2024-02-01, reason: a holiday}]"),
        "`2024-02-01` is no partition of this dataset",
        "name one between the first and the last partition",
        mended="gaps: [{partition: 2024-01-20, reason: a holiday}]",
    ),
    "gap_is_no_key": Broken(
        (READINGS, "tolerance: 0.5", "gaps: [{partition: 2024-01, reason: a holiday}]"),
        "`2024-01` is no partition",
        "name one between the first and the last partition",
    ),
    "gap_without_partitions": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  gaps: [{partition: 2024-01-01, reason: a holiday}]"),
        "`2024-01-01` is no partition",
        "name one between",
        at="gaps:",
    ),
    # shares and durations
    "tolerance_above_1": Broken((READINGS, "tolerance: 0.5", "tolerance: 1.5"), "`tolerance` is 1.5", "The share of rows"),
    "tolerance_below_0": Broken((READINGS, "tolerance: 0.5", "tolerance: -0.1"), "`tolerance` is -0.1", "The share of rows"),
    "duration": Broken(
        (POLICY, "raw: 7 years", "raw: 7 yrs"),
        "'7 yrs' is not a duration",
        "`90 days`, `6 months`, `7 years`",
        mended="raw: 7 years",
    ),
    "duration_of_zero": Broken((POLICY, "raw: 7 years", "raw: 0 years"), "'0 years' is not a duration", "`7 years`"),
    "forever_without_reason": Broken(
        (POLICY, "raw: 7 years", "raw: forever"),
        "`forever` needs a reason",
        "write it as `{forever: <the reason>}`",
        mended="raw: {forever: we were told to}",
    ),
    "due_forever": Broken(
        (READINGS, "tolerance: 0.5", "due: {forever: for fun}"),
        "is not a duration that ends",
        "write it as `12 hours`",
        mended="due: 12 hours",
    ),
    # lifecycles
    "raw_ends_first": Broken(
        (POLICY, "raw: 7 years", "raw: 1 year"),
        "raw ends after 1 year, before staged (2 years), which is rebuilt from it",
        "keep raw at least as long, or shorten staged",
        at="standard:",
        mended="raw: 2 years",
    ),
    "raw_ends_before_landing": Broken(
        (POLICY, "landing: 30 days", "landing: 8 years"),
        "landing is kept for 8 years, longer than raw (7 years)",
        "shorten landing",
        at="standard:",
    ),
    "override_without_reason": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 1 year}"),
        "differs from its lifecycle class without a reason",
        "add `reason: <why>`",
        mended="lifecycle: {class: standard, staged: 1 year, reason: it is large}",
    ),
    "override_ends_first": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 8 years, reason: it is small}"),
        "raw ends after 7 years, before staged (8 years)",
        "keep raw at least as long, or shorten staged",
        mended="lifecycle: {class: standard, staged: 8 years, raw: 8 years, reason: it is small}",
    ),
    "override_of_landing": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, landing: 8 years, reason: it is small}"),
        "landing is kept for 8 years, longer than raw (7 years)",
        "shorten landing",
    ),
    "source_ends_first": Broken(
        (STATIONS, "lifecycle: standard", "lifecycle: short"),
        "raw `stations` ends after 90 days, before curated (2 years)",
        "keep raw `stations` at least as long, or shorten curated",
        told_in=DAILY,
        at="lifecycle:",
        mended="lifecycle: {class: short, raw: 2 years, reason: daily needs it}",
    ),
    # sources
    "ending": Broken(
        (STATIONS, "files: stations.csv", "files: stations.txt"), "'stations.txt' has no known ending", "use one of .csv"
    ),
    "outside": Broken(
        (STATIONS, "files: stations.csv", "files: ../stations.csv"),
        "leaves the dataset's landing folder",
        "name files inside it",
    ),
    "absolute": Broken(
        (STATIONS, "files: stations.csv", "files: /stations.csv"), "leaves the dataset's landing folder", "name files inside it"
    ),
    "files_without_partition": Broken(
        (READINGS, 'files: "{partition}.csv"', "files: readings.csv"),
        "`source.files` does not tell them apart",
        "put `{partition}` in it",
        at="attributes:",
    ),
    "files_with_partition": Broken(
        (STATIONS, "files: stations.csv", 'files: "{partition}.csv"'),
        "names a `{partition}`, but the dataset has none",
        "add `partitions`",
        at="attributes:",
    ),
    "manifest_without_partition": Broken(
        (READINGS, "rows: [0.5, 2]", "complete: {manifest: done.json}"),
        "'done.json' does not tell the partitions apart",
        "put `{partition}` into both",
        at="attributes:",
        mended='complete: {manifest: "{partition}.json"}',
    ),
    "complete_in_two_ways": Broken(
        (READINGS, "rows: [0.5, 2]", 'complete: {manifest: "{partition}.json", marker: "{partition}.ok"}'),
        "not clear when a delivery is whole",
        "exactly one of `manifest`, `marker` and `quiet`",
    ),
    "complete_in_no_way": Broken(
        (READINGS, "rows: [0.5, 2]", "complete: {}"), "not clear when a delivery is whole", "exactly one of `manifest`"
    ),
    "separator": Broken(
        (STATIONS, "files: stations.csv", 'files: stations.csv\n    separator: "||"'),
        "`separator` is '||'",
        "one ASCII character",
        at="||",
    ),
    # schema.py
    "schema_missing": Broken(
        (SCHEMA, "", None), "schema.py is missing", "write defs/readings/schema.py", told_in=READINGS, at="type:"
    ),
    "schema_syntax": Broken((SCHEMA, "hour: pl.Int8 =", "hour pl.Int8 ="), "SyntaxError", "mend the module"),
    "schema_without_type": Broken(
        (SCHEMA, "    note: str", "    note: False"),
        "the model `Schema` cannot be built: column `note` has no type that polars knows",
        "mend the model",
        at="import pandera",
    ),
    "schema_raises": Broken(
        (SCHEMA, "    station: str =", "    1 / 0\n    station: str ="), "ZeroDivisionError", "mend the module", at="1 / 0"
    ),
    "schema_without_model": Broken(
        (SCHEMA, "class Schema(pa.DataFrameModel):", "class Schema_(pa.DataFrameModel):"),
        "there is no pandera model `Schema`",
        "write `class Schema(pa.DataFrameModel)`",
        at="import pandera",
    ),
    "type_not_in_text": Broken(
        (SCHEMA, "note: str", "note: pl.Duration"),
        "column `note` is Duration(time_unit='us'), which cannot be read from text",
        "deliver it as a plain value, or as parquet",
        at="import pandera",
    ),
    "delivered_without_normalise": Broken(
        (
            "stations/schema.py",
            "import polars as pl\n",
            "import polars as pl\n\n\nclass Delivered(pa.DataFrameModel):\n    station: str\n",
        ),
        "`Schema` has height, which `Delivered` has not",
        "write `normalise`, or remove `Delivered`",
        at="import pandera",
    ),
    # rules
    "rule_unknown": Broken(
        (READINGS, "tolerance: 0.5", "rules: {hour.in_rang: warn}"),
        "options for the unknown rule `hour.in_rang`",
        "did you mean `hour.in_range`?",
    ),
    "rule_severity": Broken(
        (READINGS, "tolerance: 0.5", "rules: {noted: explode}"), "`severity` is 'explode'", "`reject`, `warn` or `fail`"
    ),
    "frame_rule_rejects": Broken(
        (READINGS, "tolerance: 0.5", "rules: {mostly_measured: reject}"),
        "rule `mostly_measured` is about the whole delivery, so it cannot reject rows",
        "use `warn` or `fail`",
        mended="rules: {mostly_measured: fail}",
    ),
    "shared_keys_only_warn": Broken(
        (READINGS, "tolerance: 0.5", "rules: {key.unique: warn}"),
        "rule `key.unique` must reject, since the key is what tells rows apart",
        "`{tolerance: 0}` refuses all where one row is rejected",
        mended="rules: {key.unique: {tolerance: 0}}",
    ),
    "missing_values_only_warn": Broken(
        (READINGS, "tolerance: 0.5", "rules: {hour.not_null: warn}"),
        "rule `hour.not_null` must reject, since the schema says that the column always has a value",
        "make the column nullable in schema.py",
        mended="rules: {hour.not_null: reject}",
    ),
    "check_element_wise": Broken(
        (
            SCHEMA,
            "    note: str",
            ELEMENT_WISE,
        ),
        "check `hour.odd` is element-wise",
        "return data.lazyframe.select(<boolean expression>)",
        at="element_wise",
    ),
    "check_collects": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.collect()["note"].is_not_null()'),
        "check `noted` does more than select an expression",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    "check_filters_first": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.filter(pl.col("hour") > 3).select(pl.col("note").is_not_null())'),
        "check `noted` does more than select an expression",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    "check_selects_twice": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.select("note").select(pl.col("note").is_not_null())'),
        "check `noted` does more than select an expression",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    "check_of_unknown_column": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.select(pl.col("nope").is_not_null())'),
        'check `noted` cannot be evaluated on the schema: unable to find column "nope"',
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    "check_is_no_boolean": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.select(pl.col("hour") + 1)'),
        "check `noted` gives Int8, not true or false",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    "check_without_sentence": Broken(
        (SCHEMA, '        """without a temperature there is a note"""\n', ""),
        "rule `noted` has no sentence in words",
        "give the check a docstring or `description`",
        at="@pa.dataframe_check\n",
    ),
    # transform.py
    "transform_missing": Broken(
        (TRANSFORM, "", None), "transform.py is missing", "write defs/daily/transform.py", told_in=DAILY, at="type:"
    ),
    "transform_without_function": Broken(
        (TRANSFORM, "", "made = 1\n"), "there is no function `transform`", "write `def transform(…)`", at="made"
    ),
    "transform_arguments": Broken(
        (TRANSFORM, "def transform(readings: pl.LazyFrame, stations: pl.LazyFrame)", "def transform(readings, station)"),
        "transform takes readings, station, but the inputs are readings, stations",
        "name its arguments like the inputs",
        mended="def transform(readings, stations)",
    ),
    # policy.yaml and examples.yaml
    "policy_missing": Broken((POLICY, "", None), "is missing", "write defs/policy.yaml", at=""),
    "required_attribute_misspelled": Broken(
        (READINGS, "owner: lab", "ower: lab"), "unknown attribute `ower`", "did you mean `owner`?", mended="owner: lab"
    ),
    "policy_unknown_attribute": Broken(
        (POLICY, "contact: lab@", "contacts: lab@"),
        "unknown attribute `contacts`",
        "did you mean `contact`?",
        mended="contact: lab@",
    ),
    "policy_without_public": Broken(
        (POLICY, "public: For anyone.", "open: For anyone."),
        "`public` is missing",
        "name it first",
        at="classifications:",
    ),
    "examples_are_no_mapping": Broken(("readings/examples.yaml", "", "- good\n"), "not a mapping", "write `key: value` lines"),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    for edit in (*broken.also, broken.edit):
        apply(tree, edit)
    file, _, new = broken.edit

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    assert len(caught.value.problems) == 1, str(caught.value)
    problem = caught.value.problems[0]
    told_in = broken.told_in or file
    at = broken.at if broken.at is not None else (new or "").splitlines()[0].strip()
    line = tree.line(told_in, at.strip()) if (tree.defs / told_in).exists() else 1
    assert (problem.file, problem.line) == (f"defs/{told_in}", line), str(problem)
    assert broken.says in problem.message
    assert broken.remedy in problem.remedy
    assert f"defs/{told_in}:{line}: " in str(caught.value)

    if broken.mended:
        tree.edit(file, new or "", broken.mended)
    else:
        shutil.rmtree(tree.defs)
        tree = Tree(tree.root)
    tree.catalog()


@pytest.mark.parametrize(
    ("partitions", "days"),
    [
        ("every: month, start: 2024-01, end: 2024-01", "2024-01-15"),
        ("every: year, start: 2024, end: 2024", "2024-01-15"),
        ("every: day, start: 2024-01-05, end: 2024-01-20", "2024-01-05"),
        ("every: month, start: 2024-01-31, end: 2024-01-31", "2024-01-01"),
    ],
)
def test_partition_that_overlaps_its_input_in_part_is_no_mistake(tree: Tree, partitions: str, days: str) -> None:
    tree.edit(DAILY, "every: month, start: 2024-01, end: 2024-01", partitions)
    tree.edit(READINGS, "start: 2024-01-01", f"start: {days}")
    tree.catalog()


def test_several_mistakes_are_told_at_once(tree: Tree) -> None:
    tree.edit(POLICY, "raw: 7 years", "raw: 7 yrs")
    tree.edit(READINGS, "owner: lab", "owner: [lab]")
    tree.edit(READINGS, "tolerance: 0.5", "tolerance: 2")
    tree.remove(SCHEMA.replace("readings", "stations"))

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    told = [(problem.file, problem.line) for problem in caught.value.problems]
    assert told == [
        ("defs/policy.yaml", tree.line(POLICY, "7 yrs")),
        ("defs/readings/defs.yaml", tree.line(READINGS, "owner:")),
        ("defs/readings/defs.yaml", tree.line(READINGS, "tolerance: 2")),
        ("defs/stations/defs.yaml", 1),
    ]
    assert str(caught.value).startswith("4 mistakes in the contracts:\ndefs/policy.yaml:")


@pytest.mark.parametrize("file", [READINGS, POLICY])
def test_file_that_is_not_utf8_is_told_with_its_line(tree: Tree, file: str) -> None:
    text = (tree.defs / file).read_text(encoding="utf-8")
    tree.write(file, text.replace("description: ", "description: Ø ", 1).encode("latin-1"))

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    [problem] = caught.value.problems
    line = text.splitlines().index(next(line for line in text.splitlines() if "description: " in line)) + 1
    assert (problem.file, problem.line, problem.remedy) == (f"defs/{file}", line, "save it as UTF-8 text")


FULL: dict[str, dict[str, Any]] = {
    "ingested": {
        **yaml.safe_load(GOOD[READINGS])["attributes"],
        "gaps": [{"partition": "2024-01-06", "reason": "a holiday"}],
    },
    "derived": {
        **yaml.safe_load(GOOD[DAILY])["attributes"],
        "chart": {"x": "day", "y": "warmest", "title": "Warm"},
    },
    "policy": yaml.safe_load(GOOD[POLICY]),
}
"""Every attribute that has required ones inside is written out."""
MODELS: dict[str, type[BaseModel]] = {"ingested": IngestedAttributes, "derived": DerivedAttributes, "policy": Policy}


def required(model: type[BaseModel], written: Any) -> list[tuple[str | int, ...]]:
    """The paths of all that the models demand, however deep."""
    found: list[tuple[str | int, ...]] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        found += [(key,)] if field.is_required() else []
        inner = next((m for m in models_in(field.annotation)), None)
        value = written.get(key)
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if inner and isinstance(value, dict) and set(value) & set(inner.model_fields):
            found += [(key, *path) for path in required(inner, value)]
        elif inner:
            found += [
                (key, step, *path) for step, child in children if isinstance(child, dict) for path in required(inner, child)
            ]
    return found


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)


REQUIRED = [(kind, path) for kind, model in MODELS.items() for path in required(model, FULL[kind])]


@pytest.mark.parametrize(("kind", "path"), [pytest.param(k, p, id=".".join(map(str, (k, *p)))) for k, p in REQUIRED])
def test_what_is_required_is_asked_for(tree: Tree, kind: str, path: tuple[str | int, ...]) -> None:
    content = copy.deepcopy(FULL[kind])
    owner = functools.reduce(lambda value, step: value[step], path[:-1], content)
    del owner[path[-1]]
    owner["_"] = None  # keeps a mapping that is empty now; it is told, too
    file = {"ingested": READINGS, "derived": DAILY, "policy": POLICY}[kind]
    type_ = {"ingested": "IngestedDataset", "derived": "DerivedDataset"}.get(kind)
    tree.write(
        file, yaml.safe_dump({"type": f"dataops_assets.components.{type_}", "attributes": content} if type_ else content)
    )

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    missing, unknown = sorted(caught.value.problems, key=lambda problem: "unknown" in problem.message)
    assert missing.message == f"`{path[-1]}` is missing"
    assert missing.remedy.startswith(f"add `{path[-1]}: …` (")  # and what it is for
    assert (missing.file, unknown.file) == (f"defs/{file}", f"defs/{file}")
    # At the line of what it is missing from, or right above it: for an item of a list both are one.
    assert tree.line(file, "_:") >= missing.line > 0
    parents = [str(step) for step in path[:-1] if isinstance(step, str)]
    text = (tree.defs / file).read_text().splitlines()[missing.line - 1]
    assert not parents or parents[-1] in text or text.lstrip().startswith("-")
