"""What a broken rule does: severities, tolerances, offenders, and rules that cannot be evaluated at all."""

import re

import polars as pl
import pytest

from dataops_assets.contract import ContractError, Dataset
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import MONTH, delivered, judge, with_options
from dataops_assets_tests.trees import Tree


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Tree(tmp_path_factory.mktemp("tree"))["readings"]


@pytest.mark.parametrize(
    ("tolerance", "rows", "bad", "passes"),
    [
        (0, 10, 0, True),
        (0, 10, 1, False),
        (0.1, 10, 1, True),
        (0.0999, 10, 1, False),
        (0.29, 100, 29, True),  # 0.29 × 100 is less than 29 in floats
        (0.29, 100, 30, False),
        (1, 3, 3, True),
    ],
)
def test_share_of_rejected_rows_is_tolerated_up_to_its_limit(
    tree: Tree, tolerance: float, rows: int, bad: int, passes: bool
) -> None:
    found = judge(with_options(tree, f"tolerance: {tolerance}"), delivered(rows, bad))
    assert found.rows.rejected == bad
    assert (found.reasons == ()) == passes
    if not passes:
        more = r"(; [\d.]+% tolerated|, more than tolerated)"
        assert re.fullmatch(rf"{bad} of {rows} rows rejected, [\d.]+%{more}: noted \({bad}\)", found.reasons[0])


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_copies_do_not_dilute_a_share(tree: Tree, copies: int) -> None:
    found = judge(
        with_options(tree, "tolerance: 0.07\n  rules: {noted: {tolerance: 0.07}}"), pl.concat([delivered(100, 8)] * copies)
    )
    assert (found.rows.delivered, found.rows.merged, found.rows.rejected) == (100 * copies, 100 * copies - 100, 8)
    assert found.reasons == (
        "noted: without a temperature there is a note, but 8 of 100 rows (8.0%) break it; 7.0% tolerated",
        "8 of 100 rows rejected, 8.0%; 7.0% tolerated: noted (8)",
    )


def test_share_that_is_told_as_what_is_tolerated_is_just_more(tree: Tree) -> None:
    found = judge(with_options(tree, "tolerance: 0.3333"), delivered(3, 1))
    assert found.reasons == ("1 of 3 rows rejected, 33.3%, more than tolerated: noted (1)",)


def test_share_that_is_not_nothing_is_not_told_as_nothing(tree: Tree) -> None:
    january = {month: delivered(600, month == 5) for month in range(1, 6)}
    months = [rows.with_columns(pl.col("day").str.replace("-01-", f"-0{month}-")) for month, rows in january.items()]
    found = judge(with_options(tree, "tolerance: 0"), pl.concat(months))
    assert found.reasons == ("1 of 3000 rows rejected, <0.1%; 0.0% tolerated: noted (1)",)
    assert [rule.found for rule in found.rules if rule.broken] == ["1 of 3,000 rows (<0.1%) break it"]


@pytest.mark.parametrize(
    ("options", "status", "published"),
    [
        ("noted: reject", "tolerated", 71),
        ("noted: {severity: reject, tolerance: 0.29}", "tolerated", 71),
        ("noted: {severity: reject, tolerance: 0.28}", "refused", 71),
        ("noted: warn", "warned", 100),
        ("noted: {severity: warn, tolerance: 0.29}", "tolerated", 100),
        ("noted: {severity: warn, tolerance: 0.28}", "warned", 100),
        ("noted: fail", "refused", 100),
        ("noted: {severity: fail, tolerance: 0.29}", "tolerated", 100),
        ("noted: {severity: fail, tolerance: 0.28}", "refused", 100),
    ],
)
def test_severity_says_what_a_broken_rule_does(tree: Tree, options: str, status: str, published: int) -> None:
    found = judge(with_options(tree, f"tolerance: 1\n  rules: {{{options}}}"), delivered(100, 29))
    result = next(result for result in found.rules if result.rule == "noted")
    assert (result.status, result.broken, found.rows.published) == (status, 29, published)
    beyond = "; 28.0% tolerated" if "0.28" in options else ""
    refused = (f"noted: without a temperature there is a note, but 29 of 100 rows (29.0%) break it{beyond}",)
    assert found.reasons == (refused if status == "refused" else ())


@pytest.mark.parametrize(
    ("options", "bad", "status"),
    [("", 5, "passed"), ("", 6, "warned"), ("mostly_measured: fail", 5, "passed"), ("mostly_measured: fail", 6, "refused")],
)
def test_rule_on_the_whole_delivery(tree: Tree, options: str, bad: int, status: str) -> None:
    found = judge(with_options(tree, f"tolerance: 1\n  rules: {{{options}}}"), delivered(10, bad))
    result = next(result for result in found.rules if result.rule == "mostly_measured")
    assert (result.status, found.rows.published) == (status, 10 - bad)
    refused = ("mostly_measured: most hours have a temperature, but not here",)
    assert found.reasons == (refused if status == "refused" else ())


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ('pl.col("note").is_null().mean() <= 0.8', "it is 1 without the rejected rows"),
        ('pl.col("note").count() > 0', "it is 0 without the rejected rows"),
        ('(pl.col("note").count() > 0) & (pl.len() > 1)', "not here without the rejected rows"),
        ('pl.col("note").count() < 3', ""),
    ],
)
@pytest.mark.parametrize("called", [False, True])
def test_rule_on_the_whole_delivery_holds_for_what_is_published_as_well(
    tree: Tree, expression: str, told: str, called: bool
) -> None:
    condition = 'select(pl.col("temperature").null_count() <= pl.len() / 2)'
    tree.edit("readings/schema.py", condition, f"{'collect().lazy().' if called else ''}select({expression})")
    rows = delivered(10).with_columns(note=pl.Series(["a", "b", *[None] * 8], dtype=pl.String))
    dataset = with_options(tree, "tolerance: 1\n  rules: {mostly_measured: fail}")
    assert judge(dataset, rows).reasons == ()
    found = judge(dataset, rows.with_columns(temperature=pl.Series(["99", "99", *["1"] * 8])))
    told = "not here without the rejected rows" if called and told else told
    assert found.reasons == ((f"mostly_measured: most hours have a temperature, but {told}",) if told else ())


def test_measure_is_told_with_six_digits(tree: Tree) -> None:
    """The last ones of a float that is streamed differ from run to run."""
    tree.edit("readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', 'pl.col("hour").mean() <= 0.25')
    result = next(one for one in judge(tree["readings"], delivered(3)[[0, 0, 1]]).rules if one.rule == "mostly_measured")
    assert result.measured == 0.5
    rows = delivered(4)[[0, 1, 3]]
    assert next(one for one in judge(tree["readings"], rows).rules if one.rule == "mostly_measured").measured == 1.33333


@pytest.mark.parametrize(
    ("sentence", "expression", "bad", "found"),
    [
        ("at most 20 % are missing", 'pl.col("temperature").is_null().mean() <= 0.2', 4, "it is 40.0%"),
        ("at most 3 % are late", 'pl.col("hour").max() <= 3', 0, "it is 9"),
        ("no mean of nothing", 'pl.col("hour").filter(pl.col("hour") > 99).cast(pl.Float64).sum() / 0 <= 1', 0, "not here"),
        ("there are enough rows", "20 <= pl.len()", 0, "it is 10"),
        ("it compares two sums", 'pl.col("hour").sum() < pl.col("hour").min()', 0, "not here"),
        ("it compares texts", 'pl.col("station").first() == "bergen"', 0, "not here"),
    ],
)
def test_rule_on_the_whole_delivery_tells_what_it_measured(
    tree: Tree, sentence: str, expression: str, bad: int, found: str
) -> None:
    tree.edit("readings/schema.py", "most hours have a temperature", sentence)
    tree.edit("readings/schema.py", 'pl.col("temperature").null_count() <= pl.len() / 2', expression)
    dataset = with_options(tree, "tolerance: 1")
    result = next(one for one in judge(dataset, delivered(10, bad)).rules if one.rule == "mostly_measured")
    assert (result.status, result.checked, result.found) == ("warned", 1, found)
    hidden = judge(dataset, delivered(10, bad), public=False).rules
    assert next(one.found for one in hidden if one.rule == "mostly_measured") == "not here", "a measure may be a value"


def test_offenders_are_named_by_row_and_shown_only_if_public(readings: Dataset) -> None:
    text = delivered(20).with_columns(temperature=pl.lit("99"))
    key = {"station": "oslo", "day": "2024-01-01", "hour": 3}
    for public, values in ((True, key | {"temperature": 99.0}), (False, {})):
        result = next(r for r in judge(readings, text, public).rules if r.rule == "temperature.less_than_or_equal_to")
        assert result.broken == 20
        assert len(result.offenders) == 10
        assert result.offenders[3] == {"row": 4, **values}
        assert result.withheld == ("" if public else "values are withheld")


def test_value_that_is_unreadable_is_shown_as_it_was_delivered_if_public(readings: Dataset) -> None:
    hours = pl.Series(["0", " one ", None, "é" * 201])
    text = delivered(4).with_columns(hour=hours)
    for public in (True, False):
        found = judge(readings, text, public)
        offenders = next(result.offenders for result in found.rules if result.rule == "hour.type")
        key = {"station": "oslo", "day": "2024-01-01"}
        shown = [key | {"hour": " one "}, key | {"hour": "é" * 200 + "…"}] if public else [{}, {}]
        assert offenders == ({"row": 2} | shown[0], {"row": 4} | shown[1])


# Rules that cannot be evaluated on what was delivered.

NOTED = 'pl.col("temperature").is_not_null() | pl.col("note").is_not_null()'


def test_rule_that_cannot_be_evaluated_refuses_by_its_name(tree: Tree) -> None:
    found = judge(with_options(tree, "tolerance: 0.5", (NOTED, MONTH)), delivered(3, 1).with_columns(temperature=pl.lit("99")))
    [broken, refused] = [result for result in found.rules if result.broken]
    assert (broken.rule, broken.broken, broken.status) == ("temperature.less_than_or_equal_to", 3, "tolerated")
    assert (refused.rule, refused.status) == ("noted", "refused")
    assert re.match(r"noted: without .* note, but it cannot be evaluated on these rows: \w+Error: .+", found.reasons[0])
    assert found.rows.delivered == found.rows.published + found.rows.rejected + found.rows.merged


def test_rule_that_cannot_be_evaluated_but_only_warns_does_not_refuse(tree: Tree) -> None:
    found = judge(with_options(tree, "rules: {noted: warn}", (NOTED, MONTH)), delivered(3))
    assert [(result.rule, result.status) for result in found.rules if result.broken] == [("noted", "warned")]
    assert (found.reasons, found.rows.published) == ((), 3)


def test_rule_on_the_whole_delivery_that_cannot_be_evaluated_refuses(tree: Tree) -> None:
    whole = ('pl.col("temperature").null_count() <= pl.len() / 2', f"{MONTH}.all()")
    found = judge(with_options(tree, "rules: {mostly_measured: fail}", whole), delivered(3))
    assert [(result.rule, result.status) for result in found.rules if result.broken] == [("mostly_measured", "refused")]


@pytest.mark.parametrize("name", ["^.*$", "*", "note"])
def test_rule_may_be_called_anything_while_another_cannot_be_evaluated(tree: Tree, name: str) -> None:
    tree.edit("readings/schema.py", "    @pa.dataframe_check\n", f"    @pa.dataframe_check(name={name!r})\n")
    whole = ('pl.col("temperature").null_count() <= pl.len() / 2', f"{MONTH}.all()")
    found = judge(with_options(tree, "rules: {mostly_measured: fail}", whole), delivered(3))
    assert [(result.rule, result.status) for result in found.rules if result.broken] == [("mostly_measured", "refused")]


@pytest.mark.parametrize(("severity", "reasons"), [("reject", ["hour.type"]), ("fail", ["hour.not_null"])])
def test_value_that_is_unreadable_is_never_published_as_none(tree: Tree, severity: str, reasons: list[str]) -> None:
    dataset = with_options(tree, f"tolerance: 1\n  rules: {{hour.type: {severity}}}")
    found = judge(dataset, delivered(3).with_columns(hour=pl.Series(["1", "x", "3"])))
    assert found.rejected.to_dicts() == [{"row": 2, "reasons": reasons}]
    assert found.good["hour"].to_list() == [1, 3]


def test_error_of_a_rule_shows_no_values_that_are_not_public(tree: Tree) -> None:
    secret = delivered(1).with_columns(note=pl.lit("a secret"))
    dataset = with_options(tree, "tolerance: 1", (NOTED, 'pl.col("note").str.to_date("%Y") > pl.date(2024, 1, 1)'))
    assert "a secret" in judge(dataset, secret, public=True).reasons[0]
    told = "on these rows: InvalidOperationError (values are withheld)"
    assert judge(dataset, secret, public=False).reasons[0].endswith(told)


def test_an_offender_that_is_called_row_stands_beside_the_number_of_its_row(tree: Tree) -> None:
    tree.write("sample/schema.py", ROWS)
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit("sample/defs.yaml", "key: [station]", "key: [row]\n  tolerance: 1")
    found = judge(tree["sample"], pl.DataFrame({"row": ["7"], "row_": ["-5"]}))
    offenders = {result.rule: result.offenders for result in found.rules if result.broken}
    assert offenders == {"row_.greater_than": ({"row": 1, "row__": 7, "row_": -5},)}
    found = judge(tree["sample"], pl.DataFrame({"row": ["seven"], "row_": ["5"]}))
    offenders = {result.rule: result.offenders for result in found.rules if result.broken}
    assert offenders == {"row.type": ({"row": 1, "row__": "seven"},)}


ROWS = """
import pandera.polars as pa


class Schema(pa.DataFrameModel):
    row: int
    row_: int = pa.Field(gt=0)
"""


USUAL = """
    @pa.check("statistics")
    def usual(cls, data):
        '''is
        usual'''
        return data.lazyframe.select(pl.col("statistics") > 0)

"""


def test_no_rule_takes_the_name_of_statistics(tree: Tree) -> None:
    """Also not where there are none: by that name they are told apart from all others."""
    tree.edit("stations/schema.py", "    height:", f"    statistics: int\n{USUAL}    height:")
    with pytest.raises(ContractError, match=r"2 rules are called `statistics\.usual`"):
        tree.catalog()
    tree.edit("stations/schema.py", "def usual", "def more")
    [rule] = [rule for rule in compile_rules(tree["stations"]) if rule.name == "statistics.more"]
    assert rule.sentence == "is usual"
