"""What `source` may say of where deliveries come from and when they are whole: one broken tree for every mistake."""

import pytest

from dataops_assets_tests.contract.broken import READINGS, STATIONS, Broken, assert_told
from dataops_assets_tests.trees import Tree

CASES: dict[str, Broken] = {
    "ending": Broken(
        (STATIONS, "files: stations.csv", "files: stations.txt"), "'stations.txt' has no known ending", "use one of .csv"
    ),
    "outside": Broken(
        (STATIONS, "files: stations.csv", "files: ../stations.csv"),
        "leaves the dataset's landing folder",
        "name files inside it",
    ),
    "absolute": Broken(
        (STATIONS, "files: stations.csv", "files: /stations.csv"), "leaves the dataset's landing folder", "name files inside it"
    ),
    "files_from_landing": Broken(
        (STATIONS, "files: stations.csv", "files: landing/stations/stations.csv"),
        "`landing/stations/stations.csv` would be waited for below `landing/stations/`",
        "leave out `landing/stations/`",
    ),
    "files_in_a_bucket": Broken(
        (STATIONS, "files: stations.csv", "files: s3://weather/landing/stations/stations.csv"),
        "`files`: 's3://weather/landing/stations/stations.csv' is an address",
        "name files as they are called below `landing/<dataset>/`",
    ),
    **{
        f"files_with_{name}": Broken(
            (READINGS, 'files: "{partition}.csv"', f'files: "{files}"'),
            f"`files`: '{files}' holds `{odd}`, which is no pattern here",
            "write `{partition}` for the key of a partition, and `*` for whatever stands within one name",
            mended='files: "{partition}*.csv"',
        )
        for name, files, odd in (
            ("a_variable", "${partition}.csv", "${"),
            ("braces_twice", "{{partition}}.csv", "{"),
            ("a_brace_too_many", "{partition}}.csv", "}"),
            ("another_column", "{day}.csv", "{"),
            ("a_format", "{partition:%Y-%m-%d}.csv", "{"),
            ("folders", "{partition}/**/*.csv", "**"),
            ("one_letter", "{partition}?.csv", "?"),
            ("letters", "[ab]{partition}.csv", "["),
        )
    },
    "manifest_with_a_variable": Broken(
        (READINGS, 'files: "{partition}.csv"', 'files: "{partition}.csv"\n    complete: {manifest: "${partition}.json"}'),
        "'${partition}.json' holds `${`",
        "write `{partition}`",
        at="complete:",
        mended='files: "{partition}.csv"\n    complete: {manifest: "{partition}.json"}',
    ),
    "files_without_partition": Broken(
        (READINGS, 'files: "{partition}.csv"', "files: readings.csv"),
        "`source.files` does not tell them apart",
        "put `{partition}` in it",
        at="attributes:",
    ),
    "files_with_partition": Broken(
        (STATIONS, "files: stations.csv", 'files: "{partition}.csv"'),
        "names a `{partition}`, but the dataset has none",
        "add `partitions`",
        at="attributes:",
    ),
    "marker_is_the_delivery": Broken(
        (READINGS, "rows: [0.5, 2]", 'complete: {marker: "{partition}.csv"}'),
        "what the delivery itself is called",
        "name a file that is written after it",
        at="source:",
        mended='complete: {marker: "{partition}.done"}',
    ),
    "marker_is_the_delivery_written_otherwise": Broken(
        (READINGS, "rows: [0.5, 2]", 'complete: {marker: "./{partition}.csv"}'),
        "what the delivery itself is called",
        "name a file that is written after it",
        at="source:",
        mended='complete: {marker: "{partition}.done"}',
    ),
    "manifest_is_the_delivery": Broken(
        (READINGS, "rows: [0.5, 2]", 'complete: {manifest: "{partition}.csv"}'),
        "what the delivery itself is called",
        "name a file that is written after it",
        at="source:",
        mended='complete: {manifest: "{partition}.json"}',
    ),
    "manifest_without_partition": Broken(
        (READINGS, "rows: [0.5, 2]", "complete: {manifest: done.json}"),
        "'done.json' does not tell the partitions apart",
        "put `{partition}` into both",
        at="attributes:",
        mended='complete: {manifest: "{partition}.json"}',
    ),
    "complete_in_two_ways": Broken(
        (READINGS, "rows: [0.5, 2]", 'complete: {manifest: "{partition}.json", marker: "{partition}.ok"}'),
        "not clear when a delivery is whole",
        "exactly one of `manifest`, `marker` and `quiet`",
    ),
    "complete_in_no_way": Broken(
        (READINGS, "rows: [0.5, 2]", "complete: {}"), "not clear when a delivery is whole", "exactly one of `manifest`"
    ),
    **{
        f"separator_{name}": Broken(
            (STATIONS, "files: stations.csv", f"files: stations.csv\n    separator: {written}"),
            " is not one ASCII character other than a quote and a line break",
            'write one in double quotes, such as ";" or "\\t"',
            at=written,
            mended='files: stations.csv\n    separator: "\\t"',
        )
        for name, written in (("of_two", '"||"'), ("in_words", "tab"), ("without_quotes", r"\t"), ("of_none", '""'))
    },
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)
