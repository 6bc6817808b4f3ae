"""Corrections against a slow model of them: whatever rows and entries there are, both refuse, or both give the same rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataops_assets.catalog import corrections_of
from dataops_assets.contract import Catalog
from dataops_assets.corrections import Plan, correction_problems
from dataops_assets.gate.content import judge_delivery, quarantined
from dataops_assets.gate.corrected import CorrectionError, correct
from dataops_assets.gate.functions import normalised
from dataops_assets.gate.query import Query
from dataops_assets.gate.rules import MISCAST, compile_rules
from dataops_assets_tests.corrections.entries import written
from dataops_assets_tests.trees import Tree

DAY = "2024-01-01"
TODAY = date(2024, 3, 1)
Row = dict[str, Any]

CONDITIONS: dict[str, Callable[[Row], bool]] = {
    "hour = 1": lambda row: row["hour"] == 1,
    "temperature > 1": lambda row: isinstance(row["temperature"], float) and row["temperature"] > 1,
    "note IS NULL AND station = 'oslo'": lambda row: row["note"] is None and row["station"] == "oslo",
    "temperature IS NULL": lambda row: row["temperature"] is None,
}
READ: dict[str | None, Any] = {"1.5": 1.5, "2.5": 2.5, "-3": -3.0, "warm": "warm", None: None}
texts, notes = st.sampled_from([*READ]), st.sampled_from(["a", "b", None])
keys = st.fixed_dictionaries({"station": st.sampled_from(["oslo", "moss"]), "day": st.just(DAY), "hour": st.integers(0, 2)})
deliveries = st.lists(
    st.builds(lambda key, text, note: {**key, "temperature": text, "note": note}, keys, texts, notes), max_size=7
)
seldom = st.integers(0, 9).map(lambda drawn: not drawn)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """A delivery, and corrections that mostly fit it by themselves."""
    delivered = draw(deliveries)
    if not draw(seldom):
        delivered = list({(row["station"], row["hour"]): row for row in delivered}.values())
    rows = [{**row, "temperature": READ[row["temperature"]]} for row in delivered]
    return delivered, draw(st.lists(entries(rows), min_size=1, max_size=4))


@st.composite
def entries(draw: st.DrawFn, rows: list[Row]) -> Row:
    """An entry of any shape."""
    shape = draw(st.sampled_from(["set", "set", "drop", "add", "where"]))
    chosen = draw(st.sampled_from(["temperature", "note", "both"]))
    names = ["temperature", "note"] if chosen == "both" else [chosen]
    new = {"temperature": 9.0, "note": "new"}
    if shape == "where":
        where = draw(st.sampled_from([*CONDITIONS]))
        count = sum(map(CONDITIONS[where], rows)) + draw(seldom)
        action = {"drop": True} if draw(st.booleans()) else {"set": {name: {"to": new[name]} for name in names}}
        return {"where": where, "rows": max(count, 1), **action}
    if shape == "add" or not rows or draw(seldom):
        return {"add": {**draw(keys), "temperature": draw(st.sampled_from([0.5, None, 99])), "note": draw(notes)}}
    row = draw(st.sampled_from(rows))
    key = {name: row[name] for name in ("station", "day", "hour")}
    before = {name: draw(notes) if draw(seldom) else row[name] for name in names}
    if shape == "drop":
        return {"key": key, "drop": before}
    return {"key": key, "set": {name: {"from": before[name], "to": new[name]} for name in names}}


def model(given_rows: list[Row], said: list[Row]) -> tuple[list[Row], int, int, int] | None:
    """The rows as corrected, and how many were corrected, added and dropped; None if the corrections do not fit."""
    hits: list[list[int]] = []
    # Equal rows are one; what cannot be read equals nothing, unless its text is expected somewhere.
    said_of = [one.get("drop") or {name: change["from"] for name, change in one["set"].items()} for one in said if "key" in one]
    texts_known = any(expected.get("temperature") == "warm" for expected in said_of)
    for one in said:
        if "where" in one:
            found = [i for i, row in enumerate(given_rows) if CONDITIONS[one["where"]](row)]
            expected: Row = {}
        else:
            key = one.get("key") or {name: one["add"][name] for name in ("station", "day", "hour")}
            found = [i for i, row in enumerate(given_rows) if all(row[name] == key[name] for name in key)]
            expected = {name: change["from"] for name, change in one.get("set", {}).items()} | one.get("drop", {})
        apart = {i for i in found if given_rows[i]["temperature"] == "warm" and not texts_known}
        alone = {i if i in apart else str(given_rows[i]) for i in found}
        if "add" not in one and len(found if "where" in one else alone) != one.get("rows", 1):
            return None
        if any(given_rows[i][name] != value for i in found for name, value in expected.items() if "key" in one):
            return None
        hits.append(found)
    dropped = {i for one, found in zip(said, hits, strict=True) if "drop" in one for i in found}
    for (one, mine), (other, theirs) in combinations(zip(said, hits, strict=True), 2):
        if "add" in one or "add" in other:
            if "add" in one and "add" in other and all(one["add"][k] == other["add"][k] for k in ("station", "day", "hour")):
                return None
        elif set(mine) & set(theirs) and ("drop" in one or "drop" in other or set(one["set"]) & set(other["set"])):
            return None
    if any(set(found) - dropped for one, found in zip(said, hits, strict=True) if "add" in one):
        return None
    changed = [dict(row) for row in given_rows]
    for one, found in zip(said, hits, strict=True):
        for i in found if "set" in one else ():
            changed[i] |= {name: change["to"] for name, change in one["set"].items()}
    added = [one["add"] for one in said if "add" in one]
    corrected = {i for one, found in zip(said, hits, strict=True) if "set" in one for i in found}
    kept = [row for i, row in enumerate(changed) if i not in dropped]
    return kept + added, len(corrected), len(added), len(dropped)


TWICE = (
    [{"station": "oslo", "day": DAY, "hour": 1, "temperature": "1.5", "note": "a"}],
    [
        {"key": {"station": "oslo", "day": DAY, "hour": 1}, "set": {"note": {"from": "a", "to": "new"}}},
        {"where": "hour = 1", "rows": 1, "set": {"temperature": {"to": 9.0}}},
    ],
)
"""A row that is set by its key, and by the first condition."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Tree(tmp_path_factory.mktemp("tree")).catalog()


@pytest.mark.parametrize("streamed", [False, True])
@example(case=TWICE)
@given(case=cases())
def test_corrections_do_what_the_model_does(catalog: Catalog, streamed: bool, case: tuple[list[Row], list[Row]]) -> None:
    readings, (delivered, said) = catalog["readings"], case
    columns = list(readings.schema.columns)
    as_text = [{**row, "hour": str(row["hour"])} for row in delivered]
    text = pl.DataFrame(as_text, schema=dict.fromkeys(columns, pl.String))
    expected = model([{**row, "temperature": READ[row["temperature"]]} for row in delivered], said)
    file = written(*({"partition": DAY, **one} for one in said))
    dataset = replace(readings, corrections=corrections_of(file, readings.folder))
    if correction_problems(dataset, catalog.policy):
        assert expected is None
        return
    plan = Plan(dataset, DAY, TODAY)
    query = Query(streamed)
    frame = normalised(dataset, text, query, plan.originals).rows
    if expected is None:
        with pytest.raises(CorrectionError):
            correct(frame, plan, query)
        return

    rows, found = correct(frame, plan, query)
    done = query.collected(rows)

    unread = {True: "warm", False: None}
    got = [
        {**row, "day": str(row["day"]), "temperature": unread[mark] if row["temperature"] is None else row["temperature"]}
        for row, mark in zip(done.select(columns).to_dicts(), done[f"{MISCAST}temperature"], strict=True)
    ]
    assert got == expected[0]
    assert (found.corrected, found.added.height, found.dropped) == expected[1:]
    rules = compile_rules(dataset)
    tables = {rule.name: pl.DataFrame({"station": ["oslo"]}) for rule in rules if rule.reference}
    delivery = text.lazy() if streamed else text
    judged = judge_delivery(dataset, rules, delivery, tables, public=True, corrections=plan)
    where = judged.rows
    assert where.delivered == len(delivered)
    assert where.delivered + where.added == where.published + where.rejected + where.merged + where.dropped
    assert quarantined("d1", delivery, judged).height == where.rejected
    assert judged.good.lazy().collect().height == where.published
