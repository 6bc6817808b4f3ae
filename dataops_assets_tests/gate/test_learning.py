"""What a clean history tells: once it is accepted, it rejects no row of that history, and each rule catches its example."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataops_assets.cli import sample as real
from dataops_assets.components.patching import patch
from dataops_assets.contract import Dataset
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.examples import failed_examples
from dataops_assets.gate.learning import Learner, Suggestion
from dataops_assets.gate.reading import read_text
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.components.scaffolding import sample, scaffold
from dataops_assets_tests.trees import Tree

Maker = Callable[[np.random.Generator, int, int], Iterable[Any]]
KINDS: dict[str, Maker] = {
    "count": lambda random, _, rows: random.integers(0, 40, rows),
    "wild": lambda random, _, rows: np.exp(random.normal(3, 2, rows)).round(2),
    "signed": lambda random, _, rows: random.normal(0, 50, rows).astype(int),
    "growing": lambda random, part, rows: part * 1000 + random.integers(0, 1000, rows),
    "always": lambda _, __, rows: [7] * rows,
    "flag": lambda random, _, rows: random.random(rows) < 0.5,
    "one of few": lambda random, _, rows: random.choice(["red", 'gr"een', "b,lue"], rows),
    "code": lambda random, _, rows: [f"{'ABCD'[n % 4]}-{n:03}" for n in random.integers(0, 1000, rows)],
    "text": lambda random, _, rows: ["∅'\\ " * n + "x" for n in random.integers(0, 9, rows)],
    "sometimes": lambda random, _, rows: [n if n > 0 else None for n in random.integers(-9, 40, rows)],
    "day": lambda random, part, rows: [f"2024-{1 + part % 12:02}-{n:02}" for n in random.integers(1, 29, rows)],
    "moment": lambda random, part, rows: [f"2024-01-{1 + part:02}T{n:02}:00:00Z" for n in random.integers(0, 24, rows)],
}
NAMES = ("x", "class", "Größe", "a b", "count", "1st")
COLUMNS = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=len(NAMES))


def learned(dataset: Dataset, parts: Iterable[pl.DataFrame]) -> list[Suggestion]:
    learner = Learner(dataset, "day")
    for rows in parts:
        learner.add(rows.lazy())
    return learner.suggestions()


def accept(tree: Tree, name: str, suggestions: list[Suggestion]) -> Dataset:
    """The dataset after a person has applied the patch."""
    diff, left_out = patch(tree.defs / tree[name].folder.removeprefix("defs/"), tree.root, suggestions)
    assert left_out == []
    if diff:
        subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tree.root, check=True, capture_output=True)
    tree._lake = None
    return tree[name]


def judged(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """The good rows of a delivery, which are all."""
    text = rows.select(pl.all().cast(pl.String))
    found = judge_delivery(dataset, compile_rules(dataset), text, {}, public=True)
    assert (found.rows.rejected, found.reasons) == (0, ()), [one.rule for one in found.rules if one.broken]
    return found.good.lazy().collect()


@settings(max_examples=25)
@given(columns=COLUMNS, seed=st.integers(0, 2**32), parts=st.integers(10, 20), rows=st.integers(10, 40))
def test_what_is_accepted_rejects_no_row_of_the_history_and_catches_its_examples(
    columns: list[str], seed: int, parts: int, rows: int
) -> None:
    random = np.random.default_rng(seed)
    history = []
    for part in range(parts):
        made = {name: list(KINDS[kind](random, part, rows)) for name, kind in zip(NAMES, columns, strict=False)}
        if columns[0] in ("count", "signed", "wild"):
            made["never less\\"] = [one + random.integers(0, 9) for one in made["x"]]
        history.append(pl.DataFrame({"n": range(part * rows, part * rows + rows), **made}))
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        path = sample(tree, pl.concat(history, how="vertical_relaxed").write_csv().encode())
        dataset = tree[scaffold(tree, "trains", sample=path, key=["n"], classification="public")]
        clean = [judged(dataset, one) for one in history]
        found = learned(dataset, clean)
        assert len({one.rule for one in found}) == len(found)
        dataset = accept(tree, "trains", found)
        rules = {rule.name: rule for rule in compile_rules(dataset)}
        assert all(rules[one.rule].severity == "reject" for one in found)
        assert failed_examples(dataset) == []
        for before, delivered in zip(clean, history, strict=True):
            assert judged(dataset, delivered).equals(before)
        assert learned(dataset, clean) == [], "what was accepted is not suggested again"


DAYS = 20


def readings_of(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> list[pl.DataFrame]:
    """Days of readings; a change is made to each row, by the number of its day."""
    days = []
    for day in range(DAYS):
        rows = [
            {"station": ("oslo", "bergen")[n % 2], "hour": n // 2, "temperature": n - 20.0, "note": "dry"} for n in range(40)
        ]
        days.append(pl.DataFrame([change(day, row) for row in rows]).cast({"hour": pl.Int8}))
    return days


def said(tree: Tree, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> dict[str, Suggestion]:
    """What is suggested for readings, whose schema says little."""
    tree.edit("readings/schema.py", ', in_range={"min_value": 0, "max_value": 23}', "")
    tree.edit("readings/schema.py", "ge=-60, le=60", "")
    text = (tree.defs / "readings/examples.yaml").read_text()
    kept = [line for line in text.splitlines() if not line.lstrip().startswith(("hour.in_range", "temperature."))]
    tree.write("readings/examples.yaml", "\n".join(kept) + "\n")
    return {one.rule: one for one in learned(tree["readings"], readings_of(change))}


def test_numbers_that_reach_the_same_ends_get_just_these(tree: Tree) -> None:
    found = said(tree, lambda _, row: row)
    assert found["hour.greater_than_or_equal_to"].arguments == {"ge": 0}
    assert found["hour.greater_than_or_equal_to"].example == {"hour": -1}
    assert found["hour.less_than_or_equal_to"].arguments == {"le": 19}
    assert found["hour.less_than_or_equal_to"].evidence == "800 values in 20 days; greatest 19, 20 times"
    assert found["temperature.greater_than_or_equal_to"].arguments == {"ge": -20.0}


def test_a_wild_day_widens_the_bound(tree: Tree) -> None:
    found = said(tree, lambda day, row: row | {"temperature": row["temperature"] + (day == 3)})
    assert found["temperature.less_than_or_equal_to"].arguments == {"le": 39}  # 20 + 19 (20 - 19), rounded up
    assert found["temperature.less_than_or_equal_to"].evidence.endswith("greatest 20, once, and then 19")


@pytest.mark.parametrize("late", [{"temperature": 999.0}, {"temperature": None}, {"hour": 100}])
def test_what_the_last_days_break_is_not_suggested(tree: Tree, late: dict[str, Any]) -> None:
    found = said(tree, lambda day, row: row | (late if day == DAYS - 1 else {}))
    rule = {999.0: "temperature.less_than_or_equal_to", None: "temperature.not_null", 100: "hour.less_than_or_equal_to"}
    assert rule[next(iter(late.values()))] not in found


def test_what_begins_to_rise_in_the_last_days_has_no_bound(tree: Tree) -> None:
    found = said(tree, lambda day, row: row | {"temperature": row["temperature"] + (day >= 0.8 * DAYS)})
    assert "temperature.less_than_or_equal_to" not in found
    assert "hour.less_than_or_equal_to" in found


def test_a_value_that_is_new_or_rare_makes_no_category(tree: Tree) -> None:
    assert "note.isin" not in said(tree, lambda day, row: row | {"note": "wet" if day == DAYS - 1 else "dry"})


def test_texts_of_few_values_and_of_one_form_are_told_apart(tree: Tree) -> None:
    tree.edit("readings/examples.yaml", "note: null", "note: dry")
    few = said(tree, lambda _, row: row | {"note": "wet" if row["hour"] else "dry"})
    assert few["note.isin"].arguments == {"isin": ["dry", "wet"]}
    assert few["note.not_null"].arguments == {"nullable": False}


def test_codes_have_a_pattern(tree: Tree) -> None:
    found = said(tree, lambda day, row: row | {"note": f"No.{day:02}-{row['hour']:02}x"})
    assert found["note.str_matches"].arguments == {"str_matches": r"^[A-Z][a-z]\.[0-9]{2}\-[0-9]{2}[a-z]$"}


def test_of_closed_data_only_shares_signs_and_lengths_are_told(tree: Tree) -> None:
    for name in ("readings", "daily"):
        tree.edit(f"{name}/defs.yaml", "classification: public", "classification: secret")
    tree.edit("readings/examples.yaml", "temperature: -3.5", "temperature: 3.5")
    found = said(tree, lambda day, row: row | {"note": f"secret{day:02}{row['hour']:02}", "temperature": 31.25 + row["hour"]})
    assert set(found) == {
        "hour.greater_than_or_equal_to",
        "temperature.not_null",
        "note.str_length",
    }  # hour <= temperature is none of them: no row could break it, so it tells nothing
    told = " ".join(f"{one.arguments} {one.evidence} {one.example}" for one in found.values())
    assert not [value for value in ("secret0", "31.25", "50.25", "19") if value in told]


def test_columns_are_compared_where_another_row_would_break_it(tree: Tree) -> None:
    tree.edit("readings/examples.yaml", "temperature: -3.5", "temperature: 3.5")
    found = said(tree, lambda day, row: row | {"temperature": row["hour"] + (row["hour"] * 7 + day) % 5 + 0.5})
    assert found["hour_at_most_temperature"].compares == "<="
    assert "no row breaks it, of 800 that have both; 4" in found["hour_at_most_temperature"].evidence
    dataset = accept(tree, "readings", list(found.values()))
    assert failed_examples(dataset) == []
    rule = next(one for one in compile_rules(dataset) if one.name == "hour_at_most_temperature")
    assert (rule.sentence, rule.severity, rule.columns) == ("hour is at most temperature", "reject", ("hour", "temperature"))


def test_a_comparison_is_named_as_python_takes_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    names = "1st", "ﬁn al\\"
    days = [pl.DataFrame({"n": range(20), names[0]: range(20), names[1]: range(day % 3, 20 + day % 3)}) for day in range(10)]
    name = scaffold(
        tree, "trains", sample=sample(tree, pl.concat(days).write_csv()), key=["n", *names], classification="public"
    )
    found = {one.rule: one for one in learned(tree[name], days) if one.compares}
    assert "column_1st_at_most_fin_al" in found
    dataset = accept(tree, name, [*found.values()])
    assert failed_examples(dataset) == []
    assert "1st is at most ﬁn al\\" in [rule.sentence for rule in compile_rules(dataset)]


def test_what_the_good_row_breaks_is_not_suggested(tree: Tree) -> None:
    found = said(tree, lambda day, row: row | {"temperature": row["hour"] + day % 3 + 0.5})
    assert "temperature.less_than_or_equal_to" in found
    broken = {"temperature.greater_than_or_equal_to", "hour_at_most_temperature", "note.not_null"}
    assert not broken & found.keys(), "it is -3.5 at hour 0, without a note"


def test_what_a_correction_empties_may_be_empty(tree: Tree) -> None:
    tree.write(
        "readings/corrections.yaml",
        """
        - where: hour = 3
          rows: 1
          set: {temperature: {to: null}}
          partition: 2024-01-05
          reason: the thermometer fell
          requested_by: lab
          reference: log
          valid_until: 2030-01-01
        """,
    )
    assert "temperature.not_null" not in said(tree, lambda _, row: row)


def test_what_another_rule_catches_is_not_suggested(tree: Tree) -> None:
    found = said(tree, lambda _, row: row)
    assert "station.isin" not in found, "a reference says as much"
    assert not [rule for rule in found if rule.startswith("day")], "the envelope looks at it"


@pytest.mark.parametrize("days", [9, 1])
def test_of_little_nothing_is_learned(tree: Tree, days: int) -> None:
    with pytest.raises(LookupError, match=rf"{40 * days} rows in {days} days are too few .*: 100 in 10 are needed"):
        learned(tree["readings"], readings_of(lambda _, row: row)[:days])


def test_without_a_good_row_it_says_so(tree: Tree) -> None:
    tree.edit("readings/examples.yaml", "good: ", "bad: ")
    with pytest.raises(LookupError, match=r"defs/readings/examples.yaml has no good row"):
        learned(tree["readings"], readings_of(lambda _, row: row))


@pytest.mark.parametrize("name", ["flights", "weather"])
def test_real_days_support_rules_that_hold_for_real(name: str, tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    shutil.rmtree(tree.defs)
    shutil.copytree(PROJECT / "dataops_assets/defs", tree.defs)
    dataset = tree[name]
    clean = [good_rows(tree, dataset, f"2013-01-{day:02}") for day in range(1, 21)]
    found = learned(dataset, clean)
    assert {"flights": "air_time.less_than_or_equal_to", "weather": "dewp_at_most_temp"}[name] in {one.rule for one in found}
    dataset = accept(tree, name, found)
    assert failed_examples(dataset) == []
    new = [rule for rule in compile_rules(dataset) if rule.name in {one.rule for one in found} and rule.kind == "value"]
    assert sum(rows.select((~rule.passes).sum()).item() for rows in clean for rule in new) == 0


def good_rows(tree: Tree, dataset: Dataset, day: str) -> pl.DataFrame:
    """What the gate publishes of a day, whatever its references say."""
    assert dataset.ingested
    paths = []
    for file, content in real.deliveries(dataset.name, day):
        if not file.endswith(".json"):
            paths.append(tree.root / Path(file).name)
            paths[-1].write_bytes(content)
    rules = [rule for rule in compile_rules(dataset) if rule.kind != "reference"]
    text = read_text(paths, [path.name for path in paths], dataset.ingested.source)
    return judge_delivery(dataset, rules, text, {}, public=True).good.lazy().collect()
