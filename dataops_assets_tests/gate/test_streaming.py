"""Nothing of a large delivery falls back to memory unseen: polars says of each plan which of its steps it cannot stream."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dataops_assets.contract import Source
from dataops_assets.gate import reading
from dataops_assets.gate.content import judge_delivery, quarantined
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import delivered, with_options
from dataops_assets_tests.trees import Tree

MANY = '''
    import pandera.polars as pa
    import polars as pl


    class Schema(pa.DataFrameModel):
        k: int
        s: str = pa.Field(isin=["a", "b"])
        x: float = pa.Field(nullable=True, ge=0, unique=True)

        @pa.dataframe_check(raise_warning=True)
        def low(cls, data):
            """x is low"""
            return data.lazyframe.select(pl.col("x") < 80_000)

        @pa.dataframe_check
        def up(cls, data):
            """k goes up"""
            return data.lazyframe.select(pl.col("k") > pl.col("k").shift(1))

        @pa.dataframe_check(raise_warning=True)
        def mean(cls, data):
            """it is cold on average"""
            return data.lazyframe.select(pl.col("x").mean() <= 1)

        @pa.dataframe_check(raise_warning=True)
        def last(cls, data):
            """every text is known"""
            return data.lazyframe.select(pl.col("s").unique().sort().is_in(["a", "b"]))
    '''
IN_MEMORY = 'style=filled,fillcolor="0.0 0.3 1.0"'
collect, collect_all = pl.LazyFrame.collect, pl.collect_all


def plan_of(rows: pl.LazyFrame) -> str:
    return str(rows.show_graph(engine="streaming", plan_stage="physical", raw_output=True))


@pytest.mark.parametrize(("bad", "severity"), [(0, "reject"), (2, "reject"), (2, "warn")])
def test_every_question_to_a_large_parquet_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int, severity: str
) -> None:
    plans: list[str] = []

    def seen(rows: pl.LazyFrame, **how: str) -> pl.DataFrame:
        plans.append(plan_of(rows))
        return collect(rows, **how)

    def all_seen(several: list[pl.LazyFrame], **how: str) -> list[pl.DataFrame]:
        plans.extend(map(plan_of, several))
        return collect_all(several, **how)

    monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    monkeypatch.setattr(pl.LazyFrame, "collect", seen)
    monkeypatch.setattr(pl, "collect_all", all_seen)
    path = tmp_path / "0.parquet"
    delivered(10, without_note=bad).write_parquet(path)
    source = Source(provider="them", files="*.parquet", null_values=("", "NA"))
    dataset = with_options(Tree(tmp_path), f"rules: {{noted: {severity}, hour.in_range: warn}}")
    rules = [rule for rule in compile_rules(dataset) if not rule.reference]
    found = judge_delivery(dataset, rules, reading.read_text([path], [path.name], source), {}, public=True)
    assert found.rows.rejected == (bad if severity == "reject" else 0)
    assert [len(result.offenders) for result in found.rules if result.rule == "noted"] == [bad]
    assert len(plans) > 1
    assert not [plan for plan in plans if IN_MEMORY in plan]


def test_large_text_is_parsed_once_for_all_questions_but_that_for_original_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGE_BYTES", -1)
    path = tmp_path / "0.csv"
    delivered(10, without_note=2).write_csv(path)
    source = Source(provider="them", files="*.csv", null_values=("", "NA"))
    dataset = with_options(Tree(tmp_path), "rules: {hour.in_range: warn}")
    rules = [rule for rule in compile_rules(dataset) if not rule.reference]
    text = reading.read_text([path], [path.name], source)
    sink, parsed = pl.LazyFrame.sink_parquet, list[str]()

    def seen(rows: pl.LazyFrame, **how: str) -> pl.DataFrame:
        parsed.extend(["asked"] * ("Csv SCAN" in rows.explain()))
        return collect(rows, **how)

    def written(rows: pl.LazyFrame, place: Path, **how: str) -> None:
        parsed.append("copied")
        sink(rows, place, **how)

    monkeypatch.setattr(pl.LazyFrame, "collect", seen)
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", written)
    judged = judge_delivery(dataset, rules, text, {}, public=True, copy=tmp_path / "rows[1].parquet")
    assert parsed == ["copied"]
    assert quarantined("d", text, judged).height == judged.rows.rejected == 2
    assert parsed == ["copied", "asked"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full: Linux")
def test_a_full_disk_is_told_by_the_copy_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "rows[1].parquet").symlink_to("/dev/full")
    text = delivered(10).lazy()
    dataset = with_options(Tree(tmp_path), "rules: {hour.in_range: warn}")
    with pytest.raises(OSError, match=r"No space left on device: '.*rows\[1\]\.parquet'"):
        judge_delivery(dataset, compile_rules(dataset), text, {}, public=True, copy=tmp_path / "rows[1].parquet")


def test_rows_of_many_row_groups_are_judged_as_in_memory(tmp_path: Path) -> None:
    """None of which is held whole: what is asked of a part must not be taken for the answer of all."""
    tree = Tree(tmp_path)
    tree.write("sample/schema.py", MANY)
    tree.write("sample/defs.yaml", (tree.defs / "stations/defs.yaml").read_text())
    tree.edit("sample/defs.yaml", "key: [station]", "key: [k]\n  tolerance: 0.5")
    tree.edit("sample/defs.yaml", "files: stations.csv", "files: sample.parquet")
    dataset = tree["sample"]
    numbers = np.random.default_rng(1)
    rows = 600_000
    key = np.arange(rows)
    key[numbers.integers(0, rows, 300)] = numbers.integers(0, rows, 300)
    some = pl.DataFrame({"k": key, "s": numbers.choice(["a", "b", "z"], rows, p=[0.5, 0.49, 0.01])})
    some = some.with_columns(x=pl.Series(numbers.permutation(rows) / 7))
    some = some.with_columns(pl.when(pl.int_range(rows) % 997 != 0).then("x"))
    frame = pl.concat([some, some[100:200], some[5000:5010].with_columns(s=pl.lit("b"))])
    frame.write_parquet(tmp_path / "sample.parquet", row_group_size=20_000)
    source, rules = pl.scan_parquet(tmp_path / "sample.parquet"), compile_rules(dataset)

    held = judge_delivery(dataset, rules, frame, {}, public=True)
    streamed = judge_delivery(dataset, rules, source, {}, public=True)
    assert held.rows.merged >= 100
    assert all(result.broken for result in held.rules if result.rule in ("s.isin", "key.unique", "low", "up", "mean", "last"))
    assert (streamed.rows, streamed.rules, streamed.reasons) == (held.rows, held.rules, held.reasons)
    assert_frame_equal(streamed.rejected, held.rejected)
    assert_frame_equal(quarantined("d", source, streamed), quarantined("d", frame, held))
    assert_frame_equal(streamed.good.lazy().collect(engine="streaming"), held.good.lazy().collect())


def test_what_cannot_be_streamed_is_seen() -> None:
    rows = pl.LazyFrame({"note": ["a"]})
    assert IN_MEMORY in plan_of(rows.with_columns(pl.col("note").replace({"a": "b"})))
    assert IN_MEMORY not in plan_of(rows.with_columns(pl.col("note").str.to_uppercase()))
