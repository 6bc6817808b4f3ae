"""What holds between datasets: one good tree, and one broken tree for every rule."""

import pytest

from dataops_assets.contract import ContractError
from dataops_assets_tests.contract.broken import DAILY, READINGS, STATIONS, TRANSFORM, Broken, Edit, assert_told
from dataops_assets_tests.trees import GOOD, Tree

MONTHS = "  partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}\n"

HEIGHTS: tuple[Edit, ...] = (
    (
        "heights/defs.yaml",
        "",
        GOOD[DAILY]
        .replace("inputs: [readings, stations]", "inputs: [stations]")
        .replace("          partitions: {every: month, start: 2024-01, end: 2024-01, timezone: Europe/Oslo}\n", "")
        .replace("key: [station, day]", "key: [station]"),
    ),
    ("heights/schema.py", "", GOOD["stations/schema.py"]),
    ("heights/transform.py", "", "def transform(stations):\n    return stations\n"),
)
"""A curated dataset without partitions."""

TWIN: tuple[Edit, ...] = tuple(
    (
        f"readings_v2/{name}",
        "",
        GOOD[f"readings/{name}"].replace("provider: The lab", "provider: The lab\n            deliveries: readings"),
    )
    for name in ("defs.yaml", "schema.py", "examples.yaml")
)
"""A second dataset over the same deliveries."""

CASES: dict[str, Broken] = {
    # inputs
    **{
        f"input_{name}": Broken(
            (DAILY, "inputs: [readings, stations]", f"inputs: [{written}, stations]"),
            f"entry 1 of `inputs`: '{written}' is no name of a dataset, which has no zone and no ending",
            remedy,
        )
        for name, written, remedy in (
            ("with_its_zone", "staged/readings", "write `readings`"),
            ("in_capitals", "Readings", "write `readings`"),
            ("with_an_ending", "readings.parquet", "write `readings`"),
            ("with_words", "the readings", "write the name of a dataset's folder"),
        )
    },
    # new versions
    "ends_with_nothing_instead": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 0.5\n  ends: {after: 2024-01-02, instead: reading_v2}"),
        "unknown dataset `reading_v2`",
        "did you mean `readings_v2`?",
        at="ends:",
        mended="tolerance: 0.5\n  ends: {after: 2024-01-02, instead: readings_v2}",
        also=TWIN,
    ),
    "ends_with_itself_instead": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 0.5\n  ends: {after: 2024-01-02, instead: readings}"),
        "`readings` cannot take its own place",
        "use one of daily, readings_v2, stations",
        at="ends:",
        also=TWIN,
    ),
    "ends_with_what_ends": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 0.5\n  ends: {after: 2024-01-02, instead: readings_v2}"),
        "`readings_v2` has an end of its own, 2024-01-03",
        "name what takes the place of that: `stations`",
        at="ends:",
        mended="tolerance: 0.5\n  ends: {after: 2024-01-02, instead: stations}",
        also=(
            *TWIN,
            ("readings_v2/defs.yaml", "tolerance: 0.5", "tolerance: 0.5\n  ends: {after: 2024-01-03, instead: stations}"),
        ),
    ),
    "shared_deliveries_of_another_provider": Broken(
        ("readings_v2/defs.yaml", "provider: The lab", "provider: Another lab"),
        "shares its deliveries with `readings`, but `source.provider` differs: The lab there",
        "say the same in both",
        also=TWIN,
    ),
    "deliveries_of_a_product": Broken(
        ("readings_v2/defs.yaml", "deliveries: readings", "deliveries: daily"),
        "`daily` is made here, not delivered",
        "use one of",
        also=TWIN,
    ),
    "deliveries_of_what_shares_its_own": Broken(
        ("stations/defs.yaml", "files: stations.csv", "files: stations.csv\n    deliveries: readings_v2"),
        "`readings_v2` is made from the deliveries of another dataset itself",
        "name that: `readings`",
        at="deliveries:",
        mended="files: stations.csv",
        also=TWIN,
    ),
    "shared_deliveries_for_others": Broken(
        ("readings_v2/defs.yaml", "readers: [analysts, press]", "readers: [analysts]"),
        "shares its deliveries with `readings`, but `readers` differs: ['analysts', 'press'] there",
        "say the same in both",
        also=TWIN,
    ),
    "unknown_input": Broken(
        (DAILY, "inputs: [readings, stations]", "inputs: [readings, station]"),
        "unknown input `station`",
        "did you mean `stations`?",
    ),
    "wider_readers": Broken(
        (DAILY, "readers: [analysts, press]", "readers: [analysts, press, branches]"),
        "readers are wider than those of the input `readings`: branches",
        "say `declassified: <reason>`",
        mended="readers: [analysts, press, branches]\n  declassified: they are summed up",
        also=((STATIONS, "readers: [analysts, press]", "readers: [analysts, press, branches]"),),
    ),
    "lower_classification": Broken(
        (DAILY, "classification: public", "classification: internal"),
        "classification `internal` is lower than `secret` of the input `readings`",
        "use `secret`, or say `declassified: <reason>`",
        mended="classification: internal\n  declassified: they are summed up",
        also=((READINGS, "classification: public", "classification: secret"),),
    ),
    "declassified_without_reason": Broken(
        (DAILY, "classification: public", "classification: public\n  declassified: ' '"),
        "`declassified` is ' '",
        "Why it may have wider readers",
        at="declassified:",
        mended="classification: public\n  declassified: they are summed up",
        also=((READINGS, "classification: public", "classification: secret"),),
    ),
    # references
    "reference_dataset": Broken(
        (READINGS, "dataset: stations}", "dataset: station}"),
        "reference to the unknown dataset `station`",
        "did you mean `stations`?",
        at="- {columns: [station]",
    ),
    "reference_own_column": Broken(
        (READINGS, "{columns: [station]", "{columns: [statoin]"),
        "column `statoin` is not in the schema",
        "did you mean `station`?",
    ),
    "reference_other_column": Broken(
        (READINGS, "dataset: stations}", "dataset: stations, to: [name]}"),
        "reference to the unknown column `name` of `stations`",
        "use one of station, height",
    ),
    "reference_count": Broken(
        (READINGS, "{columns: [station]", "{columns: [station, note]"),
        "2 columns refer to 1 of `stations`",
        "name one column for each of station",
    ),
    "reference_type": Broken(
        (READINGS, "{columns: [station], dataset: stations}", "{columns: [hour], dataset: stations, to: [height]}"),
        "`hour` is Int8, but `height` of `stations` is Int16",
        "give both the same type in schema.py",
    ),
    "reference_to_partitions": Broken(
        (DAILY, "key: [station, day]", "key: [station, day]\n  references: [{columns: [day], dataset: readings, to: [day]}]"),
        "reference to `readings`, which has partitions",
        "refer to a dataset without partitions",
        at="references:",
    ),
    "reference_to_curated": Broken(
        (READINGS, "dataset: stations}", "dataset: heights}"),
        "reference to `heights`, which is curated",
        "refer to a delivered dataset",
        also=HEIGHTS,
    ),
    "reference_twice": Broken(
        (
            READINGS,
            "- {columns: [station], dataset: stations}",
            "- {columns: [station], dataset: stations}\n    - {columns: [station], dataset: stations, to: [station]}",
        ),
        "station refers to stations 2 times, which makes one rule, `station.in_stations`",
        "remove one of these references",
        at="- {columns: [station], dataset: stations, to",
        mended="- {columns: [station], dataset: stations}",
    ),
    "cycle_of_inputs": Broken(
        ("peaks/defs.yaml", "", str(HEIGHTS[0][2]).replace("[stations]", "[heights]")),
        "made from itself: ",
        "remove one of these inputs",
        at="inputs:",
        also=(
            *HEIGHTS,
            ("heights/defs.yaml", "inputs: [stations]", "inputs: [peaks]"),
            ("peaks/schema.py", "", GOOD["stations/schema.py"]),
            ("peaks/transform.py", "", "def transform(heights):\n    return heights\n"),
            ("heights/transform.py", "(stations)", "(peaks)"),
        ),
    ),
    "cycle_of_references": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  references: [{columns: [station], dataset: stations}]"),
        "made from itself: stations → stations",
        "remove one of these references",
        at="references:",
    ),
    "timezone_of_input": Broken(
        (DAILY, "timezone: Europe/Oslo}", "timezone: UTC}"),
        "time zone UTC differs from Europe/Oslo of the input `readings`",
        "write `timezone: Europe/Oslo`",
    ),
    "timezones_of_inputs": Broken(
        ("readings_v2/defs.yaml", "timezone: Europe/Oslo", "timezone: UTC"),
        "the time zones of its inputs differ from each other: `readings` in Europe/Oslo, `readings_v2` in UTC",
        "give all of them, and this dataset, the same `timezone`",
        told_in=DAILY,
        at="inputs:",
        mended="timezone: Europe/Oslo",
        also=(
            *TWIN,
            ("readings_v2/defs.yaml", "    deliveries: readings\n", ""),
            (DAILY, "inputs: [readings, stations]", "inputs: [readings, stations, readings_v2]"),
            (TRANSFORM, "stations: pl.LazyFrame)", "stations: pl.LazyFrame, readings_v2: pl.LazyFrame)"),
        ),
    ),
    "starts_before_its_input": Broken(
        (DAILY, "start: 2024-01,", "start: 2023-12,"),
        "starts before its input `readings`, whose first partition is 2024-01-01",
        "write `start: 2024-01`",
        at="partitions:",
        mended="start: 2024-01,",
    ),
    "ends_after_its_input": Broken(
        (DAILY, "end: 2024-01,", "end: 2024-02,"),
        "goes on after its input `readings`, whose last partition is 2024-01-20",
        "write an `end` that is not after 2024-01-20",
        at="partitions:",
        mended="end: 2024-01-20,",
    ),
    "never_ends_unlike_its_input": Broken(
        (DAILY, " end: 2024-01,", ""),
        "goes on after its input `readings`, whose last partition is 2024-01-20",
        "write an `end` that is not after 2024-01-20",
        at="partitions:",
    ),
    "input_ends_before_the_month_is_over": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 30 days, reason: it is large}"),
        "staged `readings` ends after 30 days, but a partition is made from 31 days of it",
        "keep staged `readings` longer, or make shorter partitions",
        told_in=DAILY,
        at="inputs:",
        mended="lifecycle: {class: standard, staged: 31 days, reason: it is large}",
    ),
    "input_ends_before_all_of_it_is_there": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 19 days, reason: it is large}"),
        "staged `readings` ends after 19 days, but a partition is made from 20 days of it",
        "keep staged `readings` longer",
        told_in=DAILY,
        at="inputs:",
        mended="lifecycle: {class: standard, staged: 20 days, reason: it is large}",
        also=((DAILY, MONTHS, ""),),
    ),
    "input_that_never_ends_is_not_kept_forever": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 5 years, reason: it is small}"),
        "staged `readings` ends after 5 years, but a partition is made from all of it, and more will come",
        "keep staged `readings` longer",
        told_in=DAILY,
        at="inputs:",
        mended="lifecycle: {class: standard, staged: {forever: we compare}, raw: {forever: we compare}, reason: it is small}",
        also=((READINGS, "    end: 2024-01-20\n", ""), (DAILY, MONTHS, "")),
    ),
    "product_ends_before_the_year_is_over": Broken(
        (DAILY, "lifecycle: standard", "lifecycle: short"),
        "curated `daily` ends after 60 days, but a partition is made from 366 days of it",
        "keep curated `daily` longer, or make shorter partitions",
        told_in="peaks/defs.yaml",
        at="inputs:",
        mended="lifecycle: {class: short, curated: 2 years, reason: peaks needs it}",
        also=(
            (
                "peaks/defs.yaml",
                "",
                GOOD[DAILY]
                .replace("inputs: [readings, stations]", "inputs: [daily]")
                .replace("every: month, start: 2024-01, end: 2024-01", "every: year, start: 2024, end: 2024"),
            ),
            ("peaks/schema.py", "", GOOD["daily/schema.py"]),
            ("peaks/transform.py", "", "def transform(daily):\n    return daily\n"),
        ),
    ),
    "source_ends_first": Broken(
        (STATIONS, "lifecycle: standard", "lifecycle: short"),
        "raw `stations` ends after 90 days, before curated (2 years)",
        "keep raw `stations` at least as long, or shorten curated",
        told_in=DAILY,
        at="lifecycle:",
        mended="lifecycle: {class: short, raw: 2 years, reason: daily needs it}",
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [(READINGS, "readers: [analysts, press]", "readers: [analyst, press]"), (STATIONS, "key: [station]", "key: [sation]")],
)
def test_a_word_that_is_misspelt_is_told_once(tree: Tree, file: str, right: str, wrong: str) -> None:
    tree.edit(file, right, wrong)
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    assert [problem.file for problem in caught.value.problems] == [f"defs/{file}"], str(caught.value)


@pytest.mark.parametrize(
    ("partitions", "days"),
    [
        ("every: month, start: 2024-01, end: 2024-01", "2024-01-15"),
        ("every: year, start: 2024, end: 2024", "2024-01-15"),
        ("every: day, start: 2024-01-05, end: 2024-01-20", "2024-01-05"),
        ("every: month, start: 2024-01-31, end: 2024-01-31", "2024-01-01"),
    ],
)
def test_partition_that_overlaps_its_input_in_part_is_no_mistake(tree: Tree, partitions: str, days: str) -> None:
    tree.edit(DAILY, "every: month, start: 2024-01, end: 2024-01", partitions)
    tree.edit(READINGS, "start: 2024-01-01", f"start: {days}")
    tree.catalog()
