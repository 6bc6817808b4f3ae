"""The first ten minutes in a real browser, over `dagster dev` as a new user starts it.

Pictures of every station are kept in the folder that SCREENSHOTS names, to be looked at.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
import polars as pl
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dataops_assets.cli.summary import LINEAGE
from dataops_assets_tests.checkout import LAST, Checkout, make_checkout, serving
from dataops_assets_tests.conftest import CHROMIUM

pytestmark = pytest.mark.chromium
DAY = "2013-01-03"
DAY_WITH_REJECTED_ROWS = "2013-01-04"
PATIENCE_SECONDS = 180


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which everything was delivered and run once, and one day once more, with words for numbers."""
    checkout = make_checkout(tmp_path_factory.mktemp("clone"))
    assert checkout.run("dataops", "deliver").returncode == 0
    (checkout.root / f"data/landing/weather/weather-{LAST}.csv").unlink()
    ran = checkout.run("dataops", "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert checkout.run("dataops", "deliver", "flights", DAY_WITH_REJECTED_ROWS, "--fault", "text-in-number").returncode == 0
    assert checkout.run("dataops", "run", "flights").returncode == 1
    return checkout


@pytest.fixture(scope="module")
def ui(clone: Checkout) -> Iterator[str]:
    """The address of `dagster dev`, started bare in the clone."""
    with serving(clone, "dagster", "dev") as address:
        yield address


@pytest.fixture(scope="module")
def browser_page(ui: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000}, base_url=ui)
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


@pytest.fixture
def page(browser_page: Page, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The browser; a picture is taken as each test ends."""
    yield browser_page
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser_page.screenshot(path=f"{folder}/{request.node.name}.png")


def open_day_of_check(page: Page, asset: str, day: str) -> None:
    page.goto(f"/assets/{asset}?view=checks")
    expect(page.get_by_role("tab", name="Execution history")).to_be_visible()
    page.get_by_role("tab", name="Partitions").last.click()
    page.get_by_placeholder("Filter by partition").fill(day)
    page.get_by_text(day, exact=True).first.click()
    expect(page.get_by_text("Latest execution")).to_be_visible()


def until_the_check_says(page: Page, asset: str, day: str, words: str) -> None:
    """Look at a day of a check until it says something."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_SECONDS:
        open_day_of_check(page, asset, day)
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"{asset} {day} never said {words!r}: {page.inner_text('body')[-1500:]}")


def history(page: Page, asset: str, day: str) -> list[str]:
    """What a check has said of a day, the newest first."""
    page.goto(f"/assets/{asset}?view=checks")
    page.get_by_role("tab", name="Execution history").click()
    expect(page.get_by_text("Target materialization").first).to_be_visible()
    page.wait_for_timeout(1000)
    rows = [row.inner_text().split() for row in page.locator("tr").all()]
    return [row[0] for row in rows if day in row]


def test_1_the_printed_link_shows_the_lineage_graph(page: Page):
    page.goto(LINEAGE)
    for zone in ("landing", "raw", "quarantine"):
        expect(page.get_by_text(zone, exact=True).last).to_be_visible()
    for name in ("flights", "weather", "airports", "cancellations", "routes"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()


def test_2_two_clicks_to_the_truth(page: Page):
    open_day_of_check(page, "staged/flights", DAY)
    for words in ("at most 20 % of the flights are cancelled", "tailnum.in_planes", "checked", "broken", "delivery"):
        expect(page.get_by_text(words).first).to_be_visible()
    assert page.get_by_text("914").count(), "the rows that were checked"


def test_2_the_rejected_rows_are_named_and_where_they_lie(page: Page, clone: Checkout):
    open_day_of_check(page, "staged/flights", DAY_WITH_REJECTED_ROWS)
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    file = clone.root / f"data/quarantine/flights/date={DAY_WITH_REJECTED_ROWS}/data.parquet"
    rejected = pl.read_parquet(file, hive_partitioning=False).row(0, named=True)
    assert rejected["reasons"] == ["distance.type"]
    key = ", ".join(f"{column} {rejected[column]}" for column in ("year", "month", "day", "carrier", "flight", "origin"))
    expect(page.get_by_role("row").filter(has_text="distance.type").filter(has_text=key).last).to_be_visible()
    expect(page.get_by_text(str(file), exact=True)).to_be_visible()
    delivered = clone.root / f"data/landing/flights/{DAY_WITH_REJECTED_ROWS}/flights.csv.gz"
    expect(page.get_by_text(hashlib.sha256(delivered.read_bytes()).hexdigest(), exact=True)).to_be_visible()


def test_3_an_asset_says_whose_it_is(page: Page):
    page.goto("/assets/staged/flights")
    for words in (
        "One flight that was scheduled to leave New York City, flown or not.",
        "flight-operations",
        "Source code",
        "keep_until",
        "7 years after it was written",
        "analysts, operations, branches",
    ):
        expect(page.get_by_text(words).first).to_be_attached()


def test_4_a_fault_turns_the_gate_red_and_a_good_delivery_heals_it(
    page: Page, clone: Checkout, capsys: pytest.CaptureFixture[str]
):
    published = clone.root / f"data/staged/flights/date={DAY}/data.parquet"
    before = published.read_bytes()
    assert clone.run("dataops", "deliver", "flights", DAY, "--fault", "renamed-column").returncode == 0
    delivered = time.monotonic()
    until_the_check_says(page, "raw/flights", DAY, "time_hour seems to be renamed time_hour_new")
    red = time.monotonic() - delivered
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(page.get_by_text("flights.csv.gz").first).to_be_visible()
    assert published.read_bytes() == before

    assert clone.run("dataops", "deliver", "flights", DAY).returncode == 0
    delivered = time.monotonic()
    while history(page, "raw/flights", DAY) != ["Passed", "Failed", "Passed"]:
        assert time.monotonic() < delivered + PATIENCE_SECONDS, history(page, "raw/flights", DAY)
        page.wait_for_timeout(1000)
    with capsys.disabled():
        click.echo(f"\nseen in the browser: red after {red:.0f} s, healed after {time.monotonic() - delivered:.0f} s")


def test_5_a_dataset_of_my_own_is_materialized_in_the_ui(page: Page, clone: Checkout):
    (clone.root / "trains.csv").write_text(
        "train,departs,minutes_late\nIC 1,2024-05-01T08:00:00Z,3\nIC 2,2024-05-01T09:00:00Z,0\n"
    )
    scaffold = ("scaffold", "defs", "dataops_assets.components.IngestedDataset", "trains", "--sample", "trains.csv")
    made = clone.run("dg", *scaffold, "--owner", "flight-operations", "--readers", "analysts")
    assert made.returncode == 0, made.stdout + made.stderr
    with (clone.root / "dataops_assets/defs/trains/defs.yaml").open("a") as contract:
        contract.write("  tolerance: 0.5\n")
    landing = clone.root / "data/landing/trains"
    landing.mkdir(parents=True)
    (landing / "trains.csv").write_text(
        "train,departs,minutes_late\nIC 1,2024-05-01T08:00:00Z,3\nIC 2,2024-05-01T09:00:00Z,soon\n"
    )

    page.goto("/asset-groups")
    page.get_by_role("button", name="Reload definitions").click()
    expect(page.get_by_text("Definitions reloaded", exact=False).first).to_be_visible(timeout=120_000)
    staged = clone.root / "data/staged/trains/data.parquet"
    for asset in ("raw/trains", "staged/trains"):
        page.goto(f"/assets/{asset}")
        page.get_by_role("button", name="Materialize").first.click()
        page.wait_for_timeout(500)
        _until(lambda asset=asset: page.get_by_text("Latest materialization").count() and _materialized(page, asset))
    _until(staged.exists)
    assert pl.read_parquet(staged)["train"].to_list() == ["IC 1"]
    rejected = pl.read_parquet(clone.root / "data/quarantine/trains/data.parquet")
    assert rejected.select("train", "minutes_late", "reasons").rows() == [("IC 2", "soon", ["minutes_late.type"])]
    page.goto("/assets/staged/trains?view=checks")
    expect(page.get_by_text("minutes_late.type").first).to_be_visible()


def _materialized(page: Page, asset: str) -> bool:
    page.goto(f"/assets/{asset}")
    page.wait_for_timeout(2000)
    return page.get_by_text("ago").count() > 0


def _until(holds) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(1)
