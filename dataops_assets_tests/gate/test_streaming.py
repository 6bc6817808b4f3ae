"""Nothing of a large delivery falls back to memory unseen: polars says of each plan which of its steps it cannot stream."""

from pathlib import Path

import polars as pl
import pytest

from dataops_assets.contract import Source
from dataops_assets.gate import reading
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.rules import compile_rules
from dataops_assets_tests.gate.judging import delivered
from dataops_assets_tests.trees import Tree

IN_MEMORY = 'style=filled,fillcolor="0.0 0.3 1.0"'
collect, collect_all = pl.LazyFrame.collect, pl.collect_all


def plan_of(rows: pl.LazyFrame) -> str:
    return str(rows.show_graph(engine="streaming", plan_stage="physical", raw_output=True))


@pytest.mark.parametrize("bad", [0, 2])
def test_every_question_to_a_large_parquet_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
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
    dataset = Tree(tmp_path)["readings"]
    rules = [rule for rule in compile_rules(dataset) if not rule.reference]
    found = judge_delivery(dataset, rules, reading.read_text([path], [path.name], source), {}, public=True)
    assert found.rows.rejected == bad
    assert len(plans) > 1
    assert not [plan for plan in plans if IN_MEMORY in plan]


def test_what_cannot_be_streamed_is_seen() -> None:
    rows = pl.LazyFrame({"note": ["a"]})
    assert IN_MEMORY in plan_of(rows.with_columns(pl.col("note").replace({"a": "b"})))
    assert IN_MEMORY not in plan_of(rows.with_columns(pl.col("note").str.to_uppercase()))
