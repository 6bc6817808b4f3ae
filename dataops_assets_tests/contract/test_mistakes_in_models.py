"""Pandera models that cannot be built, or say of a column what cannot count: one broken tree for every one."""

import pytest

from dataops_assets_tests.contract.broken import SCHEMA, Broken, Edit, assert_told
from dataops_assets_tests.trees import Tree

NOTE = 'note: str = pa.Field(description="In words", nullable=True)'
TYPE, FIELD = (
    "give `note` one type that polars knows",
    "mend the `pa.Field(…)` of `note`; where it has none",
)
HOURS = "in_range={'min_value': 0, 'max_value': 23}"
PARSER = """\
    @parser("hour")
    def tidy(cls, data):
        return data.lazyframe

"""
PARSERS: Edit = (
    SCHEMA,
    "import polars as pl\n",
    "import polars as pl\nfrom pandera.api.dataframe.model_components import dataframe_parser, parser\n",
)
"""pandera itself refuses them for polars."""
MADE_BY_A_CALL = 'Schema = type("Schema", (pa.DataFrameModel,), {"__annotations__": {"note": dict}})'
DELIVERED = """\
class Delivered(pa.DataFrameModel):
    station: str
    day: pl.Date
    hour: pl.Int8
    temperature: float
    note: str
"""

CASES: dict[str, Broken] = {
    **{
        name: Broken((SCHEMA, "note: str =", f"note{written} ="), f"the model `Schema` cannot be built: {says}", remedy)
        for name, written, says, remedy in (
            ("type_of_no_column", ": False", "column `note` has no type that polars knows", TYPE),
            ("type_of_python_alone", ": dict", "cannot parse input <class 'dict'> into Polars data type", TYPE),
            ("type_that_lacks_something", ": list", "List.__init__() missing 1 required positional argument: 'inner'", TYPE),
            ("type_that_is_a_number", ": 3", "cannot parse input of type 'int'", TYPE),
            ("type_that_is_a_name", ': "text"', "name 'text' is not defined", TYPE),
            ("type_that_is_an_expression", ': pl.col("x")', "the truth value of an Expr is ambiguous", TYPE),
            ("no_type", "", "Found missing annotations: ['note']", "write `note: <type> = …`"),
        )
    },
    **{
        name: Broken((SCHEMA, NOTE, f"note: str = {written}"), "the model `Schema` cannot be built: ", FIELD, mended=NOTE)
        for name, written in (
            ("default", '"-"'),
            ("no_value", "None"),
            ("column_of_a_schema", "pa.Column(str)"),
            ("alias_that_is_no_text", 'pa.Field(description="In words", alias=3)'),
        )
    },
    **{
        name: Broken(
            (SCHEMA, "    note: str", PARSER.replace('parser("hour")', written) + "    note: str"),
            "the model `Schema` cannot be built: user-defined parsers are not supported by the polars backend",
            "mend the model",
            at="class Schema",
            mended="    note: str",
            also=(PARSERS,),
        )
        for name, written in (("column_parser", 'parser("hour")'), ("model_parser", "dataframe_parser"))
    },
    "check_of_no_column": Broken(
        (SCHEMA, "    @pa.dataframe_check\n", '    @pa.check("nte")\n'),
        "the model `Schema` cannot be built: Check noted is assigned to a non-existing field 'nte'",
        "did you mean `note`?",
        mended="    @pa.dataframe_check\n",
    ),
    "check_of_a_column_that_is_delivered_by_another_name": Broken(
        (SCHEMA, "    @pa.dataframe_check\n", '    @pa.check("more")\n'),
        "the model `Schema` cannot be built: Check noted is assigned to a non-existing field 'more'",
        "did you mean `More`?",
        mended="    @pa.dataframe_check\n",
        also=((SCHEMA, "    note: str =", '    more: str = pa.Field(alias="More", nullable=True)\n    note: str ='),),
    ),
    "type_beside_its_name_in_a_description": Broken(
        (SCHEMA, "    note: str =", "    note: dict ="),
        "cannot parse input <class 'dict'>",
        TYPE,
        also=((SCHEMA, 'description="Local hour"', 'description="see note: it"'),),
    ),
    "type_of_a_column_that_is_declared_again": Broken(
        (SCHEMA, "    note: str =", "\n\nclass Schema(Short):\n    hour: pl.Int8 = pa.Field(ge=0, le=23)\n    note: dict ="),
        "cannot parse input <class 'dict'>",
        TYPE,
        at="note: dict",
        mended=f"\n\nclass Schema(Short):\n    hour: pl.Int8 = pa.Field({HOURS})\n    note: str =",
        also=((SCHEMA, "class Schema(", "class Short("), (SCHEMA, "hour: pl.Int8 =", "hour: dict =")),
    ),
    "type_in_a_model_that_it_inherits_from": Broken(
        (SCHEMA, "    note: str =", "    hour: pl.Int8\n\n\nclass Schema(Short):\n    note: dict ="),
        "cannot parse input <class 'dict'>",
        TYPE,
        at="note: dict",
        mended="    hour: pl.Int8\n\n\nclass Schema(Short):\n    note: str =",
        also=((SCHEMA, "class Schema(", "class Short("),),
    ),
    "type_in_a_model_of_another_file": Broken(
        ("more.py", "", "import pandera.polars as pa\n\n\nclass Schema(pa.DataFrameModel):\n    note: dict\n"),
        "cannot parse input <class 'dict'>",
        TYPE,
        at="import pandera",
        told_in=SCHEMA,
        also=((SCHEMA, "class Schema(", "from ..more import Schema\n\n\nclass Another("),),
    ),
    "type_in_a_model_that_is_made_by_a_call": Broken(
        (
            SCHEMA,
            "class Schema(",
            'Schema = type("Schema", (pa.DataFrameModel,), {"__annotations__": {"note": dict}})\n\n\nclass Old(',
        ),
        "cannot parse input <class 'dict'>",
        TYPE,
        at="import pandera",
        mended="class Schema(",
    ),
    **{
        f"type_with_arguments_of_its_field_{name}": Broken(
            (SCHEMA, NOTE, f"note: {dtype} = pa.Field(dtype_kwargs={arguments}, nullable=True)"),
            "the model `Schema` cannot be built: ",
            f"write `note: {mended}`, and remove `dtype_kwargs`",
            mended=f"note: {mended} = pa.Field(nullable=True)",
        )
        for name, dtype, arguments, mended in (
            ("decimal", "pl.Decimal", '{"precision": 10, "scale": 2}', "pl.Decimal(precision=10, scale=2)"),
            ("datetime", "pl.Datetime", '{"time_unit": "ms"}', "pl.Datetime(time_unit='ms')"),
        )
    },
    **{
        f"config_misspelt_{name}": Broken(
            (SCHEMA, "    note: str", f"    class Config:\n        {name} = True\n\n    note: str"),
            f"the model `Schema` cannot be built: its Config has no attribute `{name}`",
            remedy,
            at=f"{name} = True",
            mended=f"    class Config:\n        {mended} = True\n\n    note: str",
        )
        for name, remedy, mended in (
            ("stirct", "did you mean `strict`?", "strict"),
            ("orderd", "did you mean `ordered`?", "ordered"),
            ("xyz", "use one of strict, ordered, unique, name", "coerce"),
        )
    },
    **{
        f"{option}_within_a_check": Broken(
            (SCHEMA, NOTE, f'note: str = pa.Field(nullable=True, str_matches={{"pattern": "^a", "{option}": {value}}})'),
            f"`{option}` stands within a check, but is an argument of `pa.Field`, for all its checks",
            f"write it beside the check: `pa.Field(…, {option}=…)`",
            mended=f'note: str = pa.Field(nullable=True, str_matches={{"pattern": "^a"}}, {option}={value})',
        )
        for option, value in (("raise_warning", True), ("ignore_na", False), ("n_failure_cases", 3))
    },
    "pandera_for_pandas": Broken(
        (SCHEMA, "import pandera.polars as pa", "import pandera as pa"),
        "module 'pandera' has no attribute 'PolarsData'",
        "write `import pandera.polars as pa`",
        at="def noted",
    ),
    "polars_not_imported": Broken(
        (SCHEMA, "import polars as pl\n", "import polars\n"),
        "name 'pl' is not defined",
        "write `import polars as pl` at the top",
        at="day: pl.Date",
        mended="import polars as pl\n",
    ),
    "misspelt_type": Broken(
        (SCHEMA, "hour: pl.Int8", "hour: pl.Int88"), "module 'polars' has no attribute 'Int88'", "did you mean `Int8`?"
    ),
    **{
        f"several_types_{name}": Broken(
            (SCHEMA, "note: str =", f"note: {written} ="),
            "column `note` is declared with several types, of which only the first would count",
            "declare it with one",
        )
        for name, written in (("of_text_first", "str | int"), ("of_numbers_first", "pl.Int8 | pl.Int16"))
    },
    **{
        f"type_that_others_cannot_read_{number}": Broken(
            (SCHEMA, "note: str =", f"note: {written} ="),
            f"column `note` is of pl.{kind}, which is not kept in parquet for others to read",
            remedy,
            mended=f"note: {mended} =",
        )
        for number, (written, kind, remedy, mended) in enumerate(
            (
                ("pl.Object", "Object", "declare it as what its values are, as `str` or `pl.Binary`", "str"),
                ("pl.Int128", "Int128", "declare it as `pl.Decimal(38, 0)`", "pl.Decimal(38, 0)"),
                ("pl.UInt128", "UInt128", "declare it as `pl.Decimal(38, 0)`", "pl.Decimal(38, 0)"),
                ("pl.List(pl.Int128)", "Int128", "declare it as `pl.Decimal(38, 0)`", "str"),
                ("pl.Array(pl.UInt128, 2)", "UInt128", "declare it as `pl.Decimal(38, 0)`", "str"),
                ('pl.Struct({"a": pl.List(pl.Object)})', "Object", "declare it as what its values are", "str"),
            )
        )
    },
    "type_that_others_cannot_read_delivered": Broken(
        (SCHEMA, "import polars as pl\n", f"import polars as pl\n\n\n{DELIVERED.replace('pl.Int8', 'pl.Int128')}"),
        "column `hour` is of pl.Int128",
        "declare it as `pl.Decimal(38, 0)`",
        at="    hour: pl.Int128",
        mended="import polars as pl\n",
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)
