"""Mistakes in the checks of a dataset, its own and those that `pa.Field` makes: one broken tree for every one."""

import gc
import sys
from types import ModuleType

import pytest

from dataops_assets.contract import ContractError
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.contract.broken import SCHEMA, Broken, assert_told
from dataops_assets_tests.trees import Tree

NOTED = 'return data.lazyframe.select(pl.col("temperature").is_not_null() | pl.col("note").is_not_null())'

OF_THE_TYPE = "give `{argument}` a value of the column's type, or remove it"
MORE = """\
import pandera.polars as pa
import polars as pl


class More(pa.DataFrameModel):
    @pa.dataframe_check
    def cold(cls, data):
        \"\"\"it is cold\"\"\"
        return data.lazyframe.select(pl.col("temperature") < 60)
"""

CASES: dict[str, Broken] = {
    "check_raises": Broken(
        (SCHEMA, NOTED, "return data.lazyframe.select(pl.col('note').map_batches(lambda values: values[9], pl.Boolean))"),
        "check `noted` fails: IndexError",
        "return a LazyFrame with one true or false for each row, or one bool for all",
        at="@pa.dataframe_check\n",
        mended="return data.lazyframe.select(pl.col('note').map_batches(lambda values: values.is_not_null(), pl.Boolean))",
    ),
    "check_gives_a_series": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.collect()["note"].is_not_null()'),
        "check `noted` fails on two rows without any value: 'Series' object has no attribute",
        "return a LazyFrame with one true or false for each row, or one bool for all",
        at="@pa.dataframe_check\n",
        mended='return data.lazyframe.collect().lazy().select(pl.col("note").is_not_null())',
    ),
    "check_gives_no_answer": Broken(
        (SCHEMA, NOTED, "data.lazyframe.collect()"),
        "check `noted` fails on two rows without any value: 'NoneType' object has no attribute",
        "return a LazyFrame with one true or false for each row, or one bool for all",
        at="@pa.dataframe_check\n",
        mended="return data.lazyframe.collect().height < 1000",
    ),
    "check_needs_values": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.collect()["hour"].max() > 3'),
        "check `noted` fails on two rows without any value: '>' not supported between instances of 'NoneType' and 'int'",
        "return a LazyFrame with one true or false for each row, or one bool for all",
        at="@pa.dataframe_check\n",
        mended='return (data.lazyframe.collect()["hour"].max() or 0) > 3',
    ),
    "check_filters_first": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.filter(pl.col("hour") > 3).select(pl.col("note").is_not_null())'),
        "check `noted` gives 0 values for 2 rows",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
        mended='return data.lazyframe.select("note", "hour").select((pl.col("hour") <= 3) | pl.col("note").is_not_null())',
    ),
    **{
        f"check_of_no_column_{name}": Broken(
            (SCHEMA, "@pa.dataframe_check\n", f"{written}\n"),
            "the check `noted` names no column, and so is asked of none",
            'write `@pa.check("<column>")`, or `@pa.dataframe_check` for a rule over several',
            at="def noted",
            mended='@pa.check("note")\n',
        )
        for name, written in (("not_called", "@pa.check"), ("called", "@pa.check()"))
    },
    **{
        f"check_without_its_decorator_{name}": Broken(
            (SCHEMA, "    @pa.dataframe_check\n    def noted", f"{decorator}    def noted"),
            "`noted` is no rule: nothing makes a check of it",
            'write `@pa.dataframe_check` or `@pa.check("<column>")` above it; or begin its name with `_`',
            at="def noted",
            mended="    @pa.dataframe_check\n    def noted",
        )
        for name, decorator in (("alone", ""), ("of_the_class", "    @classmethod\n"))
    },
    "check_without_its_decorator_that_is_inherited": Broken(
        ("more.py", "", MORE.replace("    @pa.dataframe_check\n", "")),
        "`cold` is no rule: nothing makes a check of it",
        "write `@pa.dataframe_check`",
        at="def cold",
        mended=MORE,
        also=(
            (SCHEMA, "class Schema(pa.DataFrameModel):", "class Schema(More):"),
            (SCHEMA, "import polars as pl\n", "import polars as pl\n\nfrom ..more import More\n"),
            ("readings/examples.yaml", "reject:\n", "reject:\n  cold: {temperature: 60}\n"),
        ),
    ),
    **{
        f"check_of_unknown_column_{name}": Broken(
            (SCHEMA, NOTED, f"return data.lazyframe{before}.select(pl.col('temprature').is_not_null())"),
            'unable to find column "temprature"',
            "did you mean `temperature`?",
            at="@pa.dataframe_check\n",
            mended=f"return data.lazyframe{before}.select(pl.col('temperature').is_not_null())",
        )
        for name, before in (("selected", ""), ("after_more", '.with_columns(pl.col("hour") + 1)'))
    },
    "check_of_a_column_that_it_took_away": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.drop("note").select(pl.col("note").is_not_null())'),
        'unable to find column "note"',
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    **{
        f"check_that_takes_{name}": Broken(
            (SCHEMA, "noted(cls, data: pa.PolarsData)", f"noted({arguments})"),
            f"check `noted` fails on two rows without any value: Schema.noted() {says}",
            "write `def noted(cls, data)`",
            at="@pa.dataframe_check\n",
            mended="noted(cls, data)",
        )
        for name, arguments, says in (
            ("rows_alone", "data", "takes 1 positional argument but 2 were given"),
            ("nothing", "", "takes 0 positional arguments but 2 were given"),
            ("more", "cls, data, more", "missing 1 required positional argument: 'more'"),
        )
    },
    "check_is_no_boolean": Broken(
        (SCHEMA, NOTED, 'return data.lazyframe.select(pl.col("hour") + 1)'),
        "check `noted` gives Int8, not true or false",
        "return data.lazyframe.select(<boolean expression>)",
        at="@pa.dataframe_check\n",
    ),
    **{
        f"check_of_groups_{name}": Broken(
            (SCHEMA, written, new),
            f"check `{rule}` has a `groupby`, which is not done",
            "remove `groupby`; an expression looks at the rows of each group with `.over(…)`",
            at=at,
            mended=written,
        )
        for name, rule, written, new, at in (
            ("of_rows", "noted", "@pa.dataframe_check\n", '@pa.dataframe_check(groupby="station")\n', None),
            ("of_a_column", "note.noted", "@pa.dataframe_check\n", '@pa.check("note", groupby="station")\n', None),
            ("of_a_field", "hour.in_range", '"max_value": 23}', '"max_value": 23, "groupby": "station"}', "hour: pl.Int8"),
        )
    },
    "check_without_sentence": Broken(
        (SCHEMA, '        """without a temperature there is a note"""\n', ""),
        "rule `noted` has no sentence in words",
        "give the check a docstring or `description`",
        at="@pa.dataframe_check\n",
    ),
    # arguments of a field
    **{
        f"{argument}_is_a_text": Broken(
            (SCHEMA, "station: str = pa.Field(", f"station: str = pa.Field({argument}={value}, "),
            f"`{argument}` of column `station` is the text 'oslo', which would be taken letter by letter",
            f"write a list: `{argument}=['oslo']`",
            mended=f"station: str = pa.Field({argument}=['oslo'], ",
        )
        for argument, value in (("isin", '"oslo"'), ("notin", '{"forbidden_values": "oslo", "description": "not there"}'))
    },
    "isin_takes_none": Broken(
        (SCHEMA, "station: str = pa.Field(", "station: str = pa.Field(isin=[], "),
        "`isin` of column `station` takes no value",
        "name those that it may have, or remove it",
        mended="station: str = pa.Field(",
    ),
    **{
        f"{argument}_for_each_element": Broken(
            (SCHEMA, f"{column} = pa.Field(", f'{column} = pa.Field({argument}={{{value}, "element_wise": True}}, '),
            f"`{argument}` of column `{column.partition(':')[0]}` is `element_wise`, which only a check of one's own can be",
            f"remove `element_wise`: `{argument}` looks at each value as it is",
            mended=f"{column} = pa.Field({argument}={{{value}}}, ",
        )
        for column, argument, value in (
            ("hour: pl.Int8", "ge", '"min_value": 0'),
            ("note: str", "isin", '"allowed_values": ["calm"]'),
            ("note: str", "str_length", '"max_value": 80'),
        )
    },
    **{
        f"not_a_number_{number}": Broken(
            (SCHEMA, "temperature: float = pa.Field(", f"temperature: float = pa.Field({argument}={value}, "),
            f"`{argument}` of column `temperature` names NaN, with which no number compares",
            "write a number in its place, or leave it out: NaN is refused without a check",
            mended=f"temperature: float = pa.Field({mended}",
            also=((SCHEMA, "import pandera.polars as pa\n", "from decimal import Decimal\n\nimport pandera.polars as pa\n"),),
        )
        for number, (argument, value, mended) in enumerate(
            (
                ("gt", 'float("nan")', "gt=-61, "),
                ("gt", 'Decimal("nan")', ""),
                ("ne", '{"value": float("nan"), "description": "there is a number"}', ""),
                ("in_range", '{"min_value": -60, "max_value": float("nan")}', 'in_range={"min_value": -60, "max_value": 60}, '),
                ("isin", '[1.5, float("nan")]', "isin=[1.5, -3.5], "),
                ("notin", '{float("nan")}', "notin={0.5}, "),
            )
        )
    },
    **{
        f"{argument}_of_what_no_float32_is": Broken(
            (SCHEMA, "temperature: float = pa.Field(", f"temperature: pl.Float32 = pa.Field({argument}=[-3.5, 0.1], "),
            f"`{argument}` of column `temperature` names 0.1, which no pl.Float32 is",
            "declare the column as `float`",
            mended=f"temperature: float = pa.Field({argument}=[-3.5, 0.1], ",
        )
        for argument in ("isin", "notin", "unique_values_eq")
    },
    **{
        f"{argument}_of_no_category": Broken(
            (SCHEMA, "note: str = pa.Field(", f'note: pl.Enum(["calm", "windy"]) = pa.Field({argument}={value}, '),
            f"`{argument}` of column `note` names 'wind', of which none is among its categories",
            "did you mean `windy`?",
            mended=f'note: pl.Enum(["calm", "windy"]) = pa.Field({argument}={mended}, ',
        )
        for argument, value, mended in (
            ("isin", '["wind"]', '["windy"]'),
            ("eq", '"wind"', '"windy"'),
        )
    },
    **{
        f"{argument}_of_{name}": Broken(
            (SCHEMA, f"{column} = pa.Field(", f"{column} = pa.Field({argument}={value}, "),
            "cannot be evaluated on the schema: ",
            remedy.format(argument=argument),
            mended=f"{column} = pa.Field({mended}",
            also=((SCHEMA, "import pandera.polars as pa\n", "from datetime import date\n\nimport pandera.polars as pa\n"),),
        )
        for column, argument, name, value, mended, remedy in (
            ("hour: pl.Int8", "ge", "text", '"5"', "ge=5, ", OF_THE_TYPE),
            ("note: str", "gt", "a_number", "3", "", OF_THE_TYPE),
            ("note: str", "ge", "a_day", "date(2024, 1, 1)", "", OF_THE_TYPE),
            ("day: pl.Date", "le", "text", '"2024-01-31"', "le=date(2024, 1, 31), ", OF_THE_TYPE),
            ("note: str", "isin", "numbers", "[1, 2]", 'isin=["1", "2"], ', OF_THE_TYPE),
            ("note: str", "str_length", "text", '"2"', "str_length=2, ", "give `{argument}` whole numbers, or remove it"),
            ("hour: pl.Int8", "str_length", "a_number", "2", "", "remove `{argument}`, which is for text"),
        )
    },
    **{
        f"pattern_{name}": Broken(
            (SCHEMA, "note: str = pa.Field(", f'note: str = pa.Field(str_matches=r"{pattern}", '),
            f"check `note.str_matches` cannot be evaluated on the schema: regex error: {says}",
            remedy,
            mended='note: str = pa.Field(str_matches=r"^a", ',
        )
        for name, pattern, says, remedy in (
            ("that_looks_around", "^(?!a)", "look-around, including look-ahead", "write a pattern without look-around"),
            ("that_looks_back", r"^(.)\1", "backreferences are not supported", "write a pattern without backreferences"),
            ("of_python_alone", r"^a\Z", "unrecognized escape sequence", "write a pattern that polars can read"),
        )
    },
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


def test_a_check_of_ones_own_with_the_name_of_a_built_in_one_may_be_element_wise(tree: Tree) -> None:
    lines = [
        '@pa.check("note", element_wise=True)',
        "def isin(cls, value):",
        '    """it is a note"""',
        "    return bool(value)",
    ]
    own = "".join(f"    {line}\n" for line in lines)
    tree.edit(SCHEMA, "    @pa.dataframe_check\n", f"{own}    @pa.dataframe_check\n")
    tree.catalog()


@pytest.mark.parametrize("values", ["[-3.5, 16777216.0]", "[-3.5, None]", '[-3.5, float("inf")]'])
def test_values_that_a_float32_is_may_be_named(tree: Tree, values: str) -> None:
    tree.edit(SCHEMA, "temperature: float = pa.Field(", f"temperature: pl.Float32 = pa.Field(isin={values}, ")
    tree.catalog()


@pytest.mark.parametrize(
    ("method", "used"),
    [
        ("def _known(cls, column)", 'pl.col("note").is_not_null()'),
        ("def to_yaml(cls, column)", 'pl.col("note").is_not_null()'),
        ("@classmethod|def known(cls)", 'pl.col("note").is_not_null()'),
        ("@staticmethod|def known(column, other)", 'pl.col("note").is_not_null()'),
        ("@classmethod|def known(cls, column)", 'cls.known("note")'),
        ("@classmethod|def known(cls, column)", 'getattr(cls, "known")("note")'),
    ],
)
def test_a_method_that_is_used_or_takes_other_arguments_need_be_no_rule(tree: Tree, method: str, used: str) -> None:
    *decorator, written = method.split("|")
    lines = [*decorator, f"{written}:", '    return pl.col("note").is_not_null()', ""]
    tree.edit(SCHEMA, "    @pa.dataframe_check\n", "".join(f"    {line}\n" for line in lines) + "    @pa.dataframe_check\n")
    tree.edit(SCHEMA, NOTED, f'return data.lazyframe.select(pl.col("temperature").is_not_null() | {used})')
    tree.catalog()


def test_a_method_that_another_dataset_uses_need_be_no_rule(tree: Tree) -> None:
    known = "    @classmethod\n    def known(cls, column):\n        return pl.col(column).is_not_null()\n\n"
    tree.edit(SCHEMA, "    @pa.dataframe_check\n", f"{known}    @pa.dataframe_check\n")
    transform = (tree.defs / "daily/transform.py").read_text()
    tree.write("daily/transform.py", f"from ..readings.schema import Schema\n{transform}\n\nKNOWN = Schema.known('note')\n")
    tree.catalog()


def test_modules_may_be_loaded_while_it_is_looked_for(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4_000):  # Python keeps 2,000 tuples at hand; only the next are allocated, for which it collects garbage
        monkeypatch.setitem(sys.modules, f"loaded_{number}", ModuleType("loaded"))
    tree.edit(SCHEMA, "    @pa.dataframe_check\n", "")

    def load(phase: str, _: object) -> None:
        if phase == "start" and sys.modules.pop("loaded_meanwhile", None) is None:
            sys.modules["loaded_meanwhile"] = ModuleType("loaded_meanwhile")

    threshold = gc.get_threshold()
    gc.callbacks.append(load)
    gc.set_threshold(1, 1_000_000)
    try:
        with pytest.raises(ContractError, match="`noted` is no rule"):
            tree.catalog()
    finally:
        gc.callbacks.remove(load)
        gc.set_threshold(*threshold)
        sys.modules.pop("loaded_meanwhile", None)


@pytest.mark.parametrize("above", ["    @pa.dataframe_check\n", ""])
def test_of_a_method_that_takes_the_place_of_another_its_own_decorator_counts(tree: Tree, above: str) -> None:
    tree.write("more.py", MORE.replace("    @pa.dataframe_check\n", above))
    tree.edit(SCHEMA, "class Schema(pa.DataFrameModel):", "class Schema(More):")
    tree.edit(SCHEMA, "import polars as pl\n", "import polars as pl\n\nfrom ..more import More\n")
    cold = MORE[MORE.index("    @pa.dataframe_check") :]
    tree.edit(SCHEMA, "    @pa.dataframe_check\n", f"{cold}\n    @pa.dataframe_check\n")
    tree.edit("readings/examples.yaml", "reject:\n", "reject:\n  cold: {temperature: 60}\n")
    assert any(rule.name == "cold" for rule in compile_rules(tree["readings"]))
    tree.edit(SCHEMA, cold, cold.replace("    @pa.dataframe_check\n", ""))
    with pytest.raises(ContractError, match="`cold` is no rule"):
        tree.catalog()


def test_a_forgotten_decorator_of_what_is_delivered_is_told_with_the_model_that_rules_stand_in(tree: Tree) -> None:
    schema = (tree.defs / SCHEMA).read_text()
    noted = schema[schema.index("    @pa.dataframe_check") :].split("\n\n")[0]
    tree.write(
        SCHEMA, f"{schema}\n\nclass Delivered(Schema):\n{noted.replace('@pa.dataframe_check', '').replace('noted', 'cold')}\n"
    )
    with pytest.raises(ContractError, match=r"remove it: rules stand in `Schema`; there, write `@pa\.dataframe_check`"):
        tree.catalog()


@pytest.mark.parametrize("check", ['isin=["calm", "wind"]', 'notin=["wind"]', 'ne="wind"'])
def test_a_check_may_name_more_than_the_categories_that_there_are(tree: Tree, check: str) -> None:
    tree.edit(SCHEMA, "note: str = pa.Field(", f'note: pl.Enum(["calm", "windy"]) = pa.Field({check}, ')
    tree.catalog()
