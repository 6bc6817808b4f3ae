"""What may stand in `schema.py` and `rules`: one good tree, and one broken tree for every rule."""

import pytest

from dataops_assets_tests.contract.broken import DAILY, READINGS, SCHEMA, Broken, assert_told
from dataops_assets_tests.trees import Tree

DELIVERED = "    day: pl.Date\n    hour: pl.Int8\n    temperature: float\n    note: str\n"
NEVER = """\
    station: str

    @pa.dataframe_check
    def never(cls, data):
        \"\"\"never\"\"\"
        return data.lazyframe.select(pl.lit(False))
"""
OTHER = "class Schema(pa.DataFrameModel):"

CASES: dict[str, Broken] = {
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
    "key_float": Broken(
        (SCHEMA, "hour: pl.Int8", "hour: pl.Float64"),
        "key column `hour` is a float, which is rounded when it is read",
        "make it a whole number or a pl.Decimal in schema.py, or choose another key",
        at="key:",
        told_in=READINGS,
        mended="hour: pl.Decimal(4, 2)",
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
    "partition_column_that_is_a_number": Broken(
        (READINGS, "columns: [day]", "columns: [temperature]"),
        "column `temperature` is Float64, which begins with no day",
        "name one of dates, of moments or of text",
        mended="columns: [note]",
    ),
    **{
        f"decimal_without_scale_{name}": Broken(
            (SCHEMA, "temperature: float = pa.Field(", f"temperature: {written} = pa.Field("),
            "column `temperature` is a decimal of no scale, which has no digit behind the point",
            "write `pl.Decimal(precision, scale)`",
            mended="temperature: pl.Decimal(10, 2) = pa.Field(",
            also=((SCHEMA, "import pandera.polars as pa\n", "from decimal import Decimal\n\nimport pandera.polars as pa\n"),),
        )
        for name, written in (("of_polars", "pl.Decimal"), ("of_python", "Decimal"))
    },
    "hive_name": Broken(
        (SCHEMA, "hour: pl.Int8", "date: pl.Date = pa.Field(nullable=True)\n    hour: pl.Int8"),
        "column `date` collides with the partition of that name",
        "rename the column in schema.py",
        at="partitions:",
        told_in=READINGS,
        mended="date_: pl.Date = pa.Field(nullable=True)\n    hour: pl.Int8",
    ),
    "named_like_a_pattern": Broken(
        (SCHEMA, "note: str = pa.Field(", 'note: str = pa.Field(alias="^n.*$", '),
        "column `^n.*$` is called as a pattern is written, which to polars stands for many columns",
        "give it another name; if it is delivered as this one, leave it out",
    ),
    "named_like_all": Broken(
        (SCHEMA, "note: str = pa.Field(", 'note: str = pa.Field(alias="*", '),
        "column `*` is called as a pattern is written",
        "give it another name",
    ),
    # schema.py
    "schema_missing": Broken(
        (SCHEMA, "", None), "schema.py is missing", "write defs/readings/schema.py", told_in=READINGS, at="type:"
    ),
    "schema_syntax": Broken((SCHEMA, "hour: pl.Int8 =", "hour pl.Int8 ="), "SyntaxError", "mend the module"),
    "helper_syntax": Broken(
        ("readings/more/helper.py", "", "x = 1\ny = (\n"),
        "SyntaxError: '(' was never closed (helper.py, line 2)",
        "mend the module",
        at="y = (",
    ),
    "helper_of_zeros": Broken(("readings/helper.py", "", "x = 1\0\n"), "null bytes", "mend the module"),
    "helper_nested_too_deep": Broken(
        ("readings/helper.py", "", f"x = {'-' * 100_000}1\n"), "Error: ", "mend the module", at="x ="
    ),
    "helper_too_long_for_a_line": Broken(
        ("readings/helper.py", "", f"x = {' + '.join('1' * 5_000)}\n"), "RecursionError: ", "mend the module", at="x ="
    ),
    "schema_raises": Broken(
        (SCHEMA, "    station: str =", "    1 / 0\n    station: str ="), "ZeroDivisionError", "mend the module", at="1 / 0"
    ),
    "schema_exits": Broken(
        (SCHEMA, "    station: str =", "    raise SystemExit(3)\n    station: str ="),
        "SystemExit: 3",
        "mend the module",
        at="raise SystemExit",
    ),
    "schema_without_model": Broken(
        (SCHEMA, "class Schema(pa.DataFrameModel):", "class Readings(pa.DataFrameModel):"),
        "there is no pandera model `Schema`",
        "write `class Schema(pa.DataFrameModel)`",
        at="import pandera",
    ),
    "type_not_in_text": Broken(
        (SCHEMA, "note: str", "note: pl.Duration"),
        "column `note` is Duration(time_unit='us'), which cannot be read from text",
        "deliver it as a plain value, or as parquet",
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
    "delivered_of_another_type_without_normalise": Broken(
        (
            "stations/schema.py",
            "import polars as pl\n",
            "import polars as pl\n\n\nclass Delivered(pa.DataFrameModel):\n    station: str\n    height: pl.Int64\n",
        ),
        "`Delivered` has `height` as Int64, `Schema` as Int16, and there is no `normalise` to make it that",
        "write `normalise`, or give both the same type",
        at="    height: pl.Int64",
        mended="import polars as pl\n\n\nclass Delivered(pa.DataFrameModel):\n    station: str\n    height: pl.Int16\n",
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
    "share_of_the_whole": Broken(
        (READINGS, "tolerance: 0.5", "rules: {mostly_measured: {tolerance: 0.2}}"),
        "rule `mostly_measured` is about the whole delivery, so there is no share of rows that may break it",
        "remove `tolerance`; how much may be missing or wrong is said by the check itself",
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
    "what_is_no_number_only_warns": Broken(
        (READINGS, "tolerance: 0.5", "rules: {temperature.finite: warn}"),
        "rule `temperature.finite` must reject, since no sum and no mean over NaN or infinity means anything",
        "make it none in `normalise`, or leave the rule as it is",
        mended="rules: {temperature.finite: reject}",
    ),
    **{
        f"{name}_in_shadow": Broken(
            (READINGS, "tolerance: 0.5", f"rules: {{{rule}: {{shadow_until: 2024-12-31}}}}"),
            says,
            remedy,
            mended="tolerance: 0.5",
        )
        for name, rule, says, remedy in (
            ("shared_keys", "key.unique", "rule `key.unique` must reject", "name more columns as the `key`"),
            (
                "missing_values",
                "hour.not_null",
                "rule `hour.not_null` must reject",
                "make the column nullable",
            ),
            (
                "what_is_no_number",
                "temperature.finite",
                "rule `temperature.finite` must reject",
                "make it none",
            ),
            (
                "unreadable_values",
                "hour.type",
                "rule `hour.type` cannot be in shadow, since a value that cannot be read would be published as none",
                "remove `shadow_until`",
            ),
        )
    },
    **{
        f"type_that_{what.split()[0]}s": Broken(
            (READINGS, "tolerance: 0.5", f"tolerance: 0.5\n  rules: {{temperature.type: {options}}}"),
            f"rule `temperature.type` cannot {what}, since a value that cannot be read would be published as none",
            remedy,
            at="temperature.type",
            mended="tolerance: 0.5",
        )
        for options, what, remedy in (
            ("warn", "only warn", "use `reject` or `fail`"),
            ("{severity: fail, tolerance: 0.1}", "fail beyond a share alone", "use `reject`, or remove `tolerance`"),
        )
    },
    "shadow_without_a_day": Broken(
        (READINGS, "tolerance: 0.5", "rules: {noted: {shadow_until: soon}}"),
        "'soon'",
        "",
        mended="rules: {noted: {shadow_until: 2024-12-31}}",
    ),
    # what pandera can say, but the gate does not do
    **{
        f"column_{name}": Broken(
            (SCHEMA, written, new),
            f"column `{column}` {says}, which the gate does not do",
            "declare every column by its name, without a default; fill in and change values in `normalise`",
            mended=written,
        )
        for name, written, new, column, says in (
            ("optional", "note: str =", "note: str | None =", "note", "is optional"),
            (
                "by_pattern",
                'note: str = pa.Field(description="In words"',
                'note: str = pa.Field(regex=True, description="In words"',
                "note",
                "stands for many by a pattern",
            ),
            ("default", 'description="In words"', 'description="In words", default="-"', "note", "has a default"),
        )
    },
    **{
        f"config_{setting}": Broken(
            (SCHEMA, "    note: str", f"    class Config:\n        {setting} = {value}\n\n    note: str"),
            f"`{setting}` of the model's Config is not what decides here",
            f"remove it: {remedy}",
            at=f"        {setting} =",
            mended="    note: str",
        )
        for setting, value, remedy in (
            ("drop_invalid_rows", True, "`normalise` makes columns, and the contract's tolerance decides on rows"),
            ("add_missing_columns", True, "`normalise` makes columns, and the contract's tolerance decides on rows"),
            ("on_missing_columns", '"warn"', "`normalise` makes columns, and the contract's tolerance decides on rows"),
            ("dtype", "pl.Int8", "each column has the type that it is declared with"),
            ("from_format", '"csv"', "what is delivered is read as `source` says, and all is published as parquet"),
            ("to_format", '"parquet"', "what is delivered is read as `source` says, and all is published as parquet"),
        )
    },
    "column_of_a_reserved_name": Broken(
        (SCHEMA, "    hour: pl.Int8", '    row: str = pa.Field(alias="__row")\n    hour: pl.Int8'),
        "column `__row` begins with `__`, as the columns do that the gate has beside it",
        "give it another name",
        mended="    row: str\n    hour: pl.Int8",
    ),
    "unique_names_unknown_columns": Broken(
        (SCHEMA, "    note: str", '    class Config:\n        unique = ["station", "nope"]\n\n    note: str'),
        "`unique` names the unknown column `nope`",
        "did you mean `note`?",
        at="import pandera",
        mended='    class Config:\n        unique = ["station", "note", "hour", "day"]\n\n    note: str',
    ),
    **{
        f"delivered_has_{name}": Broken(
            (
                SCHEMA,
                "class Schema(pa.DataFrameModel):",
                f"class Delivered(pa.DataFrameModel):\n{DELIVERED}{written}\n\n{OTHER}",
            ),
            f"`Delivered` has the rule `{rule}`, which is not asked",
            "say it in `Schema`",
            at=at,
            mended="class Schema(pa.DataFrameModel):",
        )
        for name, rule, at, written in (
            ("a_check", "str_matches", "str_matches", '    station: str = pa.Field(str_matches="^o")\n'),
            ("a_unique_column", "unique", "station: str = pa.Field(unique", "    station: str = pa.Field(unique=True)\n"),
            ("a_check_of_rows", "never", "def never", NEVER),
        )
    },
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)
