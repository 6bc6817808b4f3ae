"""docs/sample-data.md against a run of the whole year: every number on the page, every rule, and nothing that is not on it."""

import io
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from dataops_assets import steps
from dataops_assets.catalog import load_catalog
from dataops_assets.cli import sample
from dataops_assets.cli.summary import summarise
from dataops_assets.gate.rules import compile_rules
from dataops_assets.observe.tally import Tally, tally_all
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage import layout
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake
from dataops_assets_tests.checkout import PROJECT

PAGE = (PROJECT / "docs/sample-data.md").read_text(encoding="utf-8")
SEVERITY = {"rejected": "reject", "warned": "warn"}
RULES_OF = {"corrected": {"normalise", "corrections.yaml"}, "declared gap": {"gaps"}}


@dataclass(frozen=True)
class Fault:
    """A row of the page."""

    dataset: str
    what: str
    decision: str
    rule: str
    rows: int

    @property
    def condition(self) -> str:
        """What is true of the rows that are meant, where the page says so: the code at the end of the sentence."""
        found = re.search(r"`([^`]+)`$", self.what)
        return found[1] if found else ""


@dataclass
class Year:
    """A run over all that the sample delivers.

    Attributes:
        lake: Where it lies.
        tallies: What the gates reported, by dataset.
        envelopes: How many envelopes broke each rule, by dataset and rule.
        corrected: How many rows the corrections of a dataset changed, one by one.
    """

    lake: Lake
    tallies: dict[str, Tally] = field(default_factory=dict)
    envelopes: Counter[tuple[str, str]] = field(default_factory=Counter)
    corrected: Counter[str] = field(default_factory=Counter)

    def broken(self) -> Counter[tuple[str, str]]:
        """How many rows broke each rule (of a rule on whole deliveries: how many of these), by dataset and rule."""
        content = {(name, rule): rows for name, tally in self.tallies.items() for rule, rows in tally.broken.items()}
        return self.envelopes + Counter(content)

    def count(self, query: str) -> int:
        """Run a query with a single result, as a reader of `data/` would."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            [[found]] = connection.execute(query.replace("'data/", f"'{self.lake.store.root}/")).fetchall()
        return int(found)


def faults() -> list[Fault]:
    """The rows of every table that decides faults; a line of one that is no such row is an error."""
    found = []
    for section in re.split(r"^#+ ", PAGE, flags=re.MULTILINE):
        dataset, _, text = section.partition("\n")
        _, _, table = text.partition("| fault | decision | rule | rows |\n| --- | --- | --- | --- |\n")
        for line in table.partition("\n\n")[0].splitlines():
            what, decision, rule, rows = line.strip("| ").split(" | ")
            found.append(Fault(dataset, what, decision, rule.strip("`"), int(rows.split()[0].replace(",", ""))))
    return found


FAULTS = faults()


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """The year, from landing to curated."""
    lake = Lake(load_catalog(), Folder(tmp_path_factory.mktemp("year")))
    for name in (*sample.REFERENCES, *sample.DAILY):
        for file, content in sample.deliveries(name):
            lake.store.write(f"{layout.landing(lake.catalog[name])}/{file}", content, {})
    now = datetime.now(UTC) + timedelta(seconds=3)  # a delivery without a manifest is whole once it was quiet for 2
    run = Year(lake)
    for dataset in lake.catalog.in_order:
        partitions = partitions_of(dataset, now)
        if dataset.ingested:
            done = [*steps.receive(lake, dataset, partitions, now), *steps.stage(lake, dataset, partitions, "run", now)]
        else:
            done = list(steps.derive(lake, dataset, partitions, "run", now))
        assert [outcome.reason for outcome in done if outcome.status != "done"] == []
        run.tallies[dataset.name] = tally_all(lake, dataset, now)
        for outcome in done:
            run.corrected[dataset.name] += sum(one.rows for one in outcome.verdict.corrections) if outcome.verdict else 0
            if outcome.verdict and outcome.verdict.gate == "envelope":
                run.envelopes.update({(dataset.name, rule.rule): rule.broken for rule in outcome.verdict.rules if rule.broken})
    return run


def test_the_page_decides_on_every_dataset(year: Year):
    delivered = {dataset.name for dataset in year.lake.catalog if dataset.ingested}
    assert delivered - {fault.dataset for fault in FAULTS} == {"airlines"}
    assert {fault.decision for fault in FAULTS} == {*SEVERITY, *RULES_OF, "true, kept"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.dataset}-{fault.rule}-{fault.rows}")
def test_a_fault_is_decided_as_the_page_says(year: Year, fault: Fault):
    dataset = year.lake.catalog[fault.dataset]
    severities = {rule.name: rule.severity for rule in compile_rules(dataset)}
    if fault.decision in RULES_OF:
        assert fault.rule in RULES_OF[fault.decision]
    elif fault.decision in SEVERITY:
        assert severities[fault.rule] == SEVERITY[fault.decision]
    else:
        verdicts = year.lake.verdicts("envelope", dataset, partitions_of(dataset, datetime.now(UTC))[0])
        assert fault.rule in {*severities, *(rule.rule for rule in verdicts[-1].rules)}
        # What it lets pass is published: either nothing breaks it, or what does is not.
        assert not year.broken()[fault.dataset, fault.rule] or severities[fault.rule] == "reject"
        assert fault.condition or fault.rows == year.broken()[fault.dataset, fault.rule]
    if fault.condition:
        files = f"data/{dataset.zone}/{fault.dataset}/**/*.parquet"
        query = f"SELECT count(*) FROM read_parquet('{files}', hive_partitioning = false) WHERE {fault.condition}"
        assert year.count(query) == fault.rows


def test_the_page_counts_all_that_a_run_finds_and_no_more(year: Year):
    """What no rule on the page accounts for was passed in silence; what no run finds is out of date."""
    found = year.broken()
    for name, tally in year.tallies.items():
        found += Counter({(name, "normalise"): tally.normalised, (name, "gaps"): tally.gaps})
        found += Counter({(name, "corrections.yaml"): year.corrected[name]})
    told: Counter[tuple[str, str]] = Counter()
    for fault in FAULTS:
        if fault.decision != "true, kept":
            told[fault.dataset, fault.rule] += fault.rows
    assert told == found


def test_the_worst_day_of_the_year_is_among_the_three_things_most_worth_a_look(year: Year):
    """As `dataops run` ends: each with the command and the page that show it."""
    told = io.StringIO()
    assert summarise(year.lake, list(year.lake.catalog), [], 0, 0, Console(file=told, width=110, soft_wrap=True, markup=False))
    lines = told.getvalue().splitlines()
    assert len(lines) <= 25
    assert lines[0] == "worth a look, the worst first"
    (at,) = [number for number, line in enumerate(lines[1:7:2]) if line.startswith("  staged/flights 2013-02-09: at most")]
    worst, where = lines[1 + 2 * at : 3 + 2 * at]
    assert worst.endswith("at most 20 % of the flights are cancelled, but it is 57.5% (3 more partitions)")
    asked, _, page = where.partition(" · ")
    assert asked.endswith("dataops status flights 2013-02-09")
    assert page.endswith("/assets/staged/flights?view=checks&checkDetail=content")


def test_the_page_says_how_many_rows_are_delivered(year: Year):
    delivered = {
        name: int(rows.replace(",", "")) for name, rows in re.findall(r"^\| (\w+) \| .*`.* \| ([\d,]+) \|$", PAGE, re.M)
    }
    assert delivered == {name: tally.delivered for name, tally in year.tallies.items() if year.lake.catalog[name].ingested}


@pytest.mark.parametrize("query", re.findall(r"^(SELECT .*;  -- [\d,]+)$", PAGE, re.M))
def test_a_query_on_the_page_gives_what_stands_behind_it(year: Year, query: str):
    asked, _, told = query.rpartition(";  -- ")
    assert year.count(asked) == int(told.replace(",", ""))


def test_what_is_rejected_lies_in_quarantine_for_its_reasons(year: Year):
    files = year.lake.store.root.glob("quarantine/*/**/data.parquet")
    reasons: Counter[tuple[str, str]] = Counter()
    for file in files:
        name = Path(file).relative_to(year.lake.store.root).parts[1]
        with duckdb.connect() as connection:
            query = f"SELECT unnest(reasons) FROM read_parquet('{file}', hive_partitioning = false)"
            reasons.update((name, rule) for [rule] in connection.execute(query).fetchall())
    told = {(fault.dataset, fault.rule): fault.rows for fault in FAULTS if fault.decision == "rejected"}
    assert reasons == Counter(told)
