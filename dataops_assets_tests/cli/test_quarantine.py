"""`dataops quarantine`: what was rejected, listed, shown and exported."""

import itertools
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from dataops_assets.cli import main
from dataops_assets.observe.partition import describe_partition
from dataops_assets_tests.corrections.entries import correct
from dataops_assets_tests.steps.january import DAYS, short_tree
from dataops_assets_tests.trees import NOW, STATIONS, Tree, readings


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Three days, two of which have rejected rows."""
    tree = short_tree(tmp_path_factory.mktemp("tree"))
    tree.drop("stations", "stations.csv", STATIONS)
    bad = [{"hour": 99}, {"temperature": None}], [{"hour": 99, "temperature": None}, {"hour": -1}], []
    for day, changes in zip(DAYS, bad, strict=True):
        tree.drop("readings", f"{day}.csv", readings(day, *changes))
    tree.run()
    return tree


@pytest.fixture
def quarantine(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> "Ask":
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    return Ask()


class Ask:
    def __call__(self, *arguments: str) -> list[str]:
        found = self.tried(*arguments)
        assert found.exit_code == 0, found.output
        return found.output.splitlines()

    def tried(self, *arguments: str) -> Result:
        return CliRunner().invoke(main.cli, ["quarantine", *arguments])


MORE = "more: dataops quarantine DATASET PARTITION"


@pytest.mark.parametrize("of", [(), ("readings",)])
def test_rejected_rows_are_listed_by_partition_and_reason(quarantine: Ask, of: tuple[str, ...]) -> None:
    first, second, more = quarantine(*of)
    assert first.split() == ["staged/readings", DAYS[0], "2", "hour.in_range", "1,", "noted", "1"]
    assert second.split() == ["staged/readings", DAYS[1], "2", "hour.in_range", "2,", "noted", "1"]
    assert more == MORE


def test_rows_are_shown_with_their_reasons_as_they_were_delivered(quarantine: Ask, tree: Tree) -> None:
    receipt = tree.lake.receipt(tree["readings"], DAYS[1])
    assert receipt
    assert quarantine("readings", DAYS[1]) == [
        f"row 1 of the delivery {receipt.sha256[:12]}: hour.in_range, noted",
        f"    station oslo, day {DAYS[1]}, hour 99, temperature None, note None",
        f"row 2 of the delivery {receipt.sha256[:12]}: hour.in_range",
        f"    station bergen, day {DAYS[1]}, hour -1, temperature 1.5, note None",
    ]
    assert quarantine("readings", DAYS[1], "--limit", "1")[2:] == ["… and 1 more: --limit 2, or --export FILE"]


def test_rows_of_one_rule_are_shown_alone(quarantine: Ask) -> None:
    assert [line.split(":")[1] for line in quarantine("readings", DAYS[0], "--rule", "noted") if ":" in line] == [" noted"]
    first, second, _ = quarantine("--rule", "noted")
    assert [first.split()[1:3], second.split()[1:3]] == [[DAYS[0], "1"], [DAYS[1], "1"]]


@pytest.mark.parametrize("of", [("stations",), ("readings", DAYS[2]), ("--rule", "temperature.finite")])
def test_nothing_is_said_to_lie_there(quarantine: Ask, of: tuple[str, ...]) -> None:
    assert quarantine(*of) == ["nothing lies there"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_are_exported(quarantine: Ask, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"rejected.{kind}"
    assert quarantine("readings", "--export", str(file)) == [f"wrote 4 rows to {file}"]
    found = pl.read_parquet(file) if kind == "parquet" else pl.read_csv(file)
    assert found["partition"].to_list() == [DAYS[0], DAYS[0], DAYS[1], DAYS[1]]
    assert found.select("row", pl.col("hour").cast(pl.Int64)).rows() == [(1, 99), (2, 0), (1, 99), (2, -1)]
    reasons = found["reasons"].list.join("; ") if kind == "parquet" else found["reasons"]
    assert reasons.to_list() == ["hour.in_range", "noted", "hour.in_range; noted", "hour.in_range"]
    nothing = tmp_path / f"nothing.{kind}"
    assert quarantine("stations", "--export", str(nothing)) == [f"wrote 0 rows to {nothing}"]


OF_STATIONS = [
    "height.type",
    "station.not_null",
    "station.str_matches",
    "height.not_null",
    "height.greater_than_or_equal_to",
    "key.unique",
]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("readings", "--rule", "notd"), "there is no rule `notd`: did you mean `noted`?"),
        (("stations", "--rule", "zz"), f"there is no rule `zz`: use one of {', '.join(OF_STATIONS)}\n"),
        (("readings", "--rule", "zz"), "there is no rule `zz`: use one of day.type, hour.type, "),
        (("reading",), "there is no dataset `reading`"),
        (("readings", "2024-02-30"), "2024-02-30 is no partition of readings"),
        (("--export", "a.csv"), "name the DATASET to export: each has columns of its own"),
        (("--row", "1"), "name the DATASET and the PARTITION of the row, and nothing else"),
        (("readings", "--row", "1"), f"readings has partitions: name one from {DAYS[0]}"),
        (("readings", "--export", "a.xlsx"), "a.xlsx is neither .csv nor .parquet"),
        (("readings", "--export", "nowhere/a.csv"), "nowhere/a.csv cannot be written: No such file or directory"),
    ],
)
def test_mistakes_are_told(quarantine: Ask, arguments: tuple[str, ...], says: str) -> None:
    found = quarantine.tried(*arguments)
    assert found.exit_code == (1 if "nowhere" in says else 2)
    assert says in found.output
    assert "statistics.usual" not in found.output


def test_what_became_of_a_row_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejected, released as the rule changes, and rejected again as it is changed back."""
    tree = short_tree(tmp_path)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"hour": 24}, {"hour": 99}))
    rules = ['"max_value": 23', '"max_value": 24', '"max_value": 23']
    for hours, (was, rule) in enumerate(zip(rules[:1] + rules, rules, strict=False)):
        tree.edit("readings/schema.py", was, rule)
        tree.run(now=NOW + timedelta(hours=hours))
    receipt = tree.lake.receipt(tree["readings"], DAYS[0])
    assert receipt
    title = f"row 1 of the delivery {receipt.sha256[:12]}"
    assert Ask()("readings", DAYS[0], "--row", "1") == [
        title,
        "    rejected 2024-03-01 12:00:00 UTC by hour.in_range: hour is between 0 and 23",
        "    released 2024-03-01 13:00:00 UTC: its contract is another",
        title,
        "    rejected 2024-03-01 14:00:00 UTC by hour.in_range: hour is between 0 and 23",
        "    lies in quarantine",
    ]
    assert Ask()("readings", DAYS[0], "--row", "2") == [
        f"row 2 of the delivery {receipt.sha256[:12]}",
        "    rejected 2024-03-01 12:00:00 UTC by hour.in_range: hour is between 0 and 23",
        "    rejected 2024-03-01 13:00:00 UTC by hour.in_range: hour is between 0 and 24",
        "    rejected 2024-03-01 14:00:00 UTC by hour.in_range: hour is between 0 and 23",
        "    lies in quarantine, first rejected 2024-03-01 12:00:00 UTC",
    ]
    told = describe_partition(tree.lake, tree["readings"], DAYS[0], NOW)
    assert told.count("    released row 1, rejected before by hour.in_range\n") == 1
    of = f"row 3 of staged/readings {DAYS[0]}"
    assert f"{of} does not lie in quarantine, and was not released" in Ask().tried("readings", DAYS[0], "--row", "3").output


def test_a_row_that_stays_keeps_the_reasons_that_it_had_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule is mended, another delivery is refused meanwhile, and at last the row is released."""
    tree = short_tree(tmp_path)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    tree.drop("stations", "stations.csv", STATIONS)
    first = readings(DAYS[0], {"hour": 24, "temperature": 61})
    tree.drop("readings", f"{DAYS[0]}.csv", first)
    tree.run()
    tree.edit("readings/schema.py", "le=60", "le=61")
    tree.run(now=NOW + timedelta(hours=1))
    stays = [
        "    rejected 2024-03-01 12:00:00 UTC by hour.in_range: hour is between 0 and 23",
        "    rejected 2024-03-01 12:00:00 UTC by temperature.less_than_or_equal_to: temperature is at most 60",
        "    rejected 2024-03-01 13:00:00 UTC by hour.in_range: hour is between 0 and 23",
    ]
    lies = [*stays, "    lies in quarantine, first rejected 2024-03-01 12:00:00 UTC"]
    assert Ask()("readings", DAYS[0], "--row", "1")[1:] == lies
    assert "    station oslo, day 2024-01-01, hour 24, temperature 61, note None" in Ask()("readings", DAYS[0])
    for kind in ("csv", "parquet"):
        Ask()("readings", "--export", str(tmp_path / f"rejected.{kind}"))
    assert len(pl.read_csv(tmp_path / "rejected.csv")) == 1
    [[before]] = pl.read_parquet(tmp_path / "rejected.parquet")["earlier"]
    assert before["reasons"] == ["hour.in_range", "temperature.less_than_or_equal_to"]

    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], *[{"hour": 99}] * 4))
    assert tree.run(now=NOW + timedelta(hours=2))[-1].status == "refused"
    told = Ask()("readings", DAYS[0], "--row", "1")
    assert [line for line in told if "12:00:00" in line or "13:00:00" in line] == lies
    assert [line for line in Ask()("readings", DAYS[0]) if "verdict" in line] == [
        "by the verdict of 2024-03-01 13:00:00 UTC, which passed:",
        "by the verdict of 2024-03-01 14:00:00 UTC, which refused the delivery:",
    ]

    tree.drop("readings", f"{DAYS[0]}.csv", first)
    tree.edit("readings/defs.yaml", "tolerance: 0.5", "tolerance: 0.0")
    assert tree.run(now=NOW + timedelta(hours=3))[-1].status == "refused"
    [short, _] = Ask()("readings")
    assert short.split()[2:] == ["1", "hour.in_range", "1"], "the row that two verdicts have rejected is one"
    tree.edit("readings/defs.yaml", "tolerance: 0.0", "tolerance: 0.5")

    tree.edit("readings/schema.py", '"max_value": 23', '"max_value": 24')
    tree.run(now=NOW + timedelta(hours=4))
    assert Ask()("readings", DAYS[0], "--row", "1")[-1] == "    released 2024-03-01 16:00:00 UTC: its contract is another"


def test_by_what_a_row_was_released_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = short_tree(tmp_path)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    tree.drop("stations", "stations.csv", STATIONS)
    tree.drop("readings", f"{DAYS[0]}.csv", readings(DAYS[0], {"station": "rome"}, {"temperature": 61}))
    tree.run()
    tree.drop("stations", "stations.csv", STATIONS + "rome,21\n")
    tree.run(now=NOW + timedelta(hours=1))
    key = {"station": "bergen", "day": DAYS[0], "hour": 0}
    correct(tree, "readings", {"partition": DAYS[0], "key": key, "set": {"temperature": {"from": 61, "to": 6}}})
    tree.run(now=NOW + timedelta(hours=2))
    released = [Ask()("readings", DAYS[0], "--row", row)[-1] for row in ("1", "2")]
    assert released == [
        "    released 2024-03-01 13:00:00 UTC: stations is another",
        "    released 2024-03-01 14:00:00 UTC: its corrections are others",
    ]


def test_a_thousand_released_rows_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree(tmp_path)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    below = "".join(f"{''.join(name)},-1\n" for name in itertools.product("abcdefghijk", repeat=3))
    tree.drop("stations", "stations.csv", "station,height\n" + below)
    tree.run("stations")
    tree.edit("stations/schema.py", "ge=0", "ge=-1")
    [_, staged] = tree.run("stations")
    assert staged.verdict
    assert staged.facts["released"] == 11**3
    assert [len(one.rows) for one in staged.verdict.released] == [1000]
    assert "    released " in Ask()("stations", "--row", "1000")[2]
    assert "; of 331 rows it is not known which they were" in Ask().tried("stations", "--row", "1001").output


def test_columns_named_as_quarantines_own_stand_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree(tmp_path)
    columns = "row: str = pa.Field(str_matches='^a', description='Row')\n    partition: str = pa.Field(description='Part')"
    tree.edit("stations/schema.py", "    height: pl.Int16", f"    {columns}\n    height: pl.Int16")
    tree.remove("stations/examples.yaml")
    tree.drop("stations", "stations.csv", "station,row,partition,height\noslo,b,p,94\n")
    tree.edit("stations/defs.yaml", "key: [station]", "key: [station]\n  tolerance: 1")
    [_, staged] = tree.run("stations")
    assert staged.verdict
    [broken] = [rule for rule in staged.verdict.rules if rule.broken]
    assert broken.offenders == ({"row": 1, "station": "oslo", "row_": "b"},)
    monkeypatch.setattr(main, "open_lake", lambda: tree.lake)
    assert Ask()("stations")[1] == "    station oslo, row_ b, partition_ p, height 94"
