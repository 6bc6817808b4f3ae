"""Dagster's UI in a real browser, behind the guard: it works for whoever may, and says why where somebody may not."""

from collections.abc import Iterator

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from dataops_assets_tests.conftest import CHROMIUM
from dataops_assets_tests.policy.console import Console, console, signed_in
from dataops_assets_tests.trees import STATIONS

pytestmark = pytest.mark.chromium
PAGES = [
    "/",
    "/overview",
    "/assets",
    "/asset-groups",
    "/assets/staged/stations",
    "/runs",
    "/jobs",
    "/automation",
    "/locations/dataops_assets/jobs/erase/playground",
    "/deployment/locations",
    "/deployment/daemons",
    "/deployment/concurrency",
    "/deployment/config",
]


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("console")) as made:
        made.tree.drop("stations", "stations.csv", STATIONS)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(webserver: Console) -> Iterator[str]:
    with webserver.served() as found:
        yield found


def page_of(browser: Browser, address: str, role: str) -> tuple[Page, list[Response]]:
    """The browser of somebody, and all that was refused."""
    context = browser.new_context(base_url=address, extra_http_headers=signed_in("ana@example.com", role))
    page, refused = context.new_page(), list[Response]()
    page.set_default_timeout(60_000)
    page.on("response", lambda answer: refused.append(answer) if answer.status >= 400 else None)
    return page, refused


@pytest.mark.parametrize("role", ["viewers", "operators"])
def test_no_page_asks_for_anything_that_is_refused(browser: Browser, address: str, role: str):
    page, refused = page_of(browser, address, role)
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_text("Deployment", exact=True).first).to_be_visible()
        page.wait_for_load_state("networkidle")
    assert [(answer.status, answer.url, answer.request.post_data) for answer in refused] == []


def test_a_viewer_who_launches_is_told_why_not(browser: Browser, address: str, webserver: Console):
    page, refused = page_of(browser, address, "viewers")
    page.goto("/assets/raw/stations")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("View error info").click()
    expect(page.get_by_text("operators alone may launch").first).to_be_visible()
    assert [answer.status for answer in refused] == [403]
    assert webserver.instance.get_runs_count() == 0


def test_an_operator_launches_and_sees_what_the_run_tells(browser: Browser, address: str, webserver: Console):
    page, refused = page_of(browser, address, "operators")
    page.goto("/assets/raw/stations")
    page.get_by_role("button", name="Materialize").first.click()
    page.wait_for_event("response", lambda answer: "LaunchPipelineExecution" in answer.url)
    [run] = webserver.instance.get_runs()
    page.goto(f"/runs/{run.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Re-execute").first.click()
    page.wait_for_event("response", lambda answer: "Reexecution" in answer.url)
    assert len(webserver.instance.get_runs()) == 2
    assert refused == []
    for one in webserver.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])):
        webserver.instance.run_launcher.terminate(one.run_id)
