"""Ad-hoc areas from the command line: made, queried, forgotten, told of, moved to the trash, brought back, gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from dataops_assets.cli import areas
from dataops_assets.cli.main import cli
from dataops_assets.lifecycle.expiry import Expiry
from dataops_assets_tests.trees import Tree

NEW = ("adhoc", "new", "warmth", "--owner", "lab", "--group", "press")
SQL = "SELECT station, max(temperature) AS warmest FROM readings GROUP BY station ORDER BY station"


@dataclass
class Prompt:
    """A prompt over a tree.

    Attributes:
        tree: Its contracts and its store.
        now: What the clock says.
    """

    tree: Tree
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self, *command: str, fails: bool = False) -> str:
        asked = CliRunner().invoke(cli, command)
        assert asked.exception is None or isinstance(asked.exception, SystemExit), asked.exception
        assert (asked.exit_code != 0) == fails, asked.output
        return asked.output

    def after(self, **time: float) -> None:
        self.now += timedelta(**time)

    def expire(self, fails: bool = False) -> dict[str, str]:
        """What one run has done, by area."""
        lines = [line.split() for line in self("expire", "--act", fails=fails).splitlines()]
        return {line[0]: line[2] for line in lines if "→" in line}


@pytest.fixture
def prompt(filled: Tree, monkeypatch: pytest.MonkeyPatch) -> Prompt:
    """A prompt, on the machine of somebody."""
    prompt = Prompt(filled)
    for module in ("catalog", "cli.areas"):
        monkeypatch.setattr(f"dataops_assets.{module}.DEFS", filled.defs)
    monkeypatch.setattr(areas, "_now", lambda: prompt.now)
    monkeypatch.setenv("DATAOPS_DATA", str(filled.store.root))
    for variable in ("DEPLOYMENT", "PROD", "EXPIRY", "WEBHOOK", "ACCESS_LOGS"):
        monkeypatch.delenv(f"DATAOPS_{variable}", raising=False)
    return prompt


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A webhook: its address, what it was told, and what it answers next, 200 if nothing is said."""
    told: list[dict[str, Any]] = []
    answers: list[int] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop() if answers else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/told", told, answers
        server.shutdown()


def test_area_that_is_forgotten_goes_with_notice_and_comes_back_as_it_was(
    prompt: Prompt, heard: tuple[str, list[dict[str, Any]], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, told, answers = heard
    monkeypatch.setenv("DATAOPS_WEBHOOK", address)
    store = prompt.tree.store
    assert "adhoc/warmth is there" in prompt(*NEW)
    prompt("adhoc", "query", "warmth", SQL)
    result = store.path("adhoc/warmth/result.parquet")
    assert pl.read_parquet(result)["station"].to_list() == ["bergen", "oslo"]
    store.write("adhoc/warmth/notes/mine.txt", b"by another tool", {})
    before = {entry.key: store.read(entry.key) for entry in store.list("adhoc/warmth") if "_area" not in entry.key}

    prompt.after(days=31)
    assert prompt.expire() == {}, "a use within a day of the one that was noted was not noted"
    prompt.after(days=1)
    assert "nothing was changed" in prompt("expire")
    assert "in use" in prompt("adhoc", "list")
    answers.append(500)
    assert prompt.expire(fails=True) == {"adhoc/warmth": "marked"}
    assert (len(told), "next run tells its owner" in prompt("adhoc", "list")) == (1, True)
    prompt.after(days=8)
    assert prompt.expire() == {"adhoc/warmth": "marked"}, "nobody goes who was not told"
    prompt.after(days=8)
    assert [one["area"] for one in told] == ["adhoc/warmth"] * 2
    assert "dataops adhoc pin warmth" in told[-1]["text"]
    assert "moves to the trash after" in prompt("adhoc", "show", "warmth")

    assert prompt.expire() == {"adhoc/warmth": "trashed"}
    assert not result.exists()
    assert "restore it first" in prompt("adhoc", "query", "warmth", SQL, fails=True)
    assert "it is back, with 3 objects" in prompt("adhoc", "restore", "warmth")
    assert {key: store.read(key) for key in before} == before

    prompt.after(days=33)
    prompt.expire()
    prompt.after(days=8)
    prompt.expire()
    prompt.after(days=15)
    assert prompt.expire() == {"adhoc/warmth": "gone"}
    assert [entry.key for entry in store.list("trash")] == []
    assert "is gone since" in prompt("adhoc", "restore", "warmth", fails=True)
    prompt(*NEW)
    assert "2 rows" in prompt("adhoc", "query", "warmth", SQL)


def test_owner_who_cannot_be_told_makes_the_run_fail(
    prompt: Prompt, heard: tuple[str, list[dict[str, Any]], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs it by a timer learns it from the exit code; all others are looked after meanwhile."""
    address, _, answers = heard
    monkeypatch.setenv("DATAOPS_WEBHOOK", address)
    prompt(*NEW)
    prompt("adhoc", "new", "zeal", "--owner", "lab", "--group", "press")
    prompt.after(days=33)
    answers += [500, 500]
    said = prompt("expire", "--act", fails=True)
    for name in ("warmth", "zeal"):
        assert f"adhoc/{name}: lab could not be told: HTTP Error 500: " in said
    assert said.count("the next run tries again") == 2
    assert address not in said, "whoever knows it may post there"
    assert prompt.expire() == {"adhoc/warmth": "marked", "adhoc/zeal": "marked"}
    assert prompt.expire() == {}, "they were told"


def test_owner_whom_the_policy_does_not_name_any_more_is_not_told(
    prompt: Prompt, heard: tuple[str, list[dict[str, Any]], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team has left: nobody would read it."""
    address, told, _ = heard
    monkeypatch.setenv("DATAOPS_WEBHOOK", address)
    prompt(*NEW)
    prompt.tree.store.write("adhoc/warmth/notes.txt", b"x", {})
    key = prompt.tree.store.path("adhoc/warmth/_area.json")
    key.write_text(key.read_text().replace('"owner": "lab"', '"owner": "left"'))
    prompt.after(days=33)
    for _ in range(2):
        said = prompt("expire", "--act", fails=True)
        assert "adhoc/warmth: left could not be told: policy.yaml names no team `left`: name it there" in said
        assert "`dataops adhoc close warmth --why …`; the next run tries again" in said
        assert "marked as unused" in prompt("adhoc", "list")
        prompt.after(days=30)
    assert told == []
    prompt("adhoc", "close", "warmth", "--why", "nobody answers for it")
    assert prompt.expire() == {"adhoc/warmth": "trashed"}


def test_what_is_due_and_kept_is_told_without_being_asked_for(prompt: Prompt) -> None:
    for name in ("warmth", "zeal"):
        prompt("adhoc", "new", name, *NEW[3:])
        prompt("adhoc", "close", name, "--why", "it was a mistake")
    prompt.tree.store.write("adhoc/nobodys/notes.txt", b"x", {})
    prompt.tree.store.write("trash/adhoc/lost/0001/notes.txt", b"x", {})
    prompt("adhoc", "new", "quiet", *NEW[3:])
    for command in (("expire",), ("expire", "--act")):
        told = {line.split()[0]: line for line in prompt(*command).splitlines()}
        assert "a later run takes it, since this one has taken its share" in told["adhoc/zeal"]
        for path in ("adhoc/nobodys", "trash/adhoc/lost/0001"):
            assert "kept, since it is not known whose it is: it has no record" in told[path]
        assert "adhoc/quiet" not in told


def test_use_keeps_an_area_and_so_does_a_pin(prompt: Prompt) -> None:
    prompt(*NEW)
    prompt.after(days=33)
    assert prompt.expire() == {"adhoc/warmth": "marked"}
    prompt("adhoc", "query", "warmth", SQL)
    assert "in use" in prompt("adhoc", "list")
    until = prompt.now + timedelta(days=60)
    prompt("adhoc", "pin", "warmth", "--until", f"{until:%Y-%m-%d}", "--why", "the report is due")
    prompt.after(days=40)
    assert prompt.expire() == {}
    assert "the report is due" in prompt("expire", "--all")
    prompt("adhoc", "unpin", "warmth")
    assert prompt.expire() == {"adhoc/warmth": "marked"}


def test_a_pin_to_the_last_day_there_is_holds_no_other_area_up(prompt: Prompt) -> None:
    for name in ("warmth", "zeal"):
        prompt("adhoc", "new", name, *NEW[3:])
    prompt("adhoc", "pin", "warmth", "--until", "9999-12-31", "--why", "the report is due")
    assert "pinned until 9999-12-31" in prompt("adhoc", "list")
    prompt.after(days=33)
    assert prompt.expire() == {"adhoc/zeal": "marked"}


def test_area_whose_return_was_interrupted_can_be_brought_back_again(prompt: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt(*NEW)
    prompt("adhoc", "close", "warmth", "--why", "it was a mistake")
    prompt.expire()
    with monkeypatch.context() as patch:
        patch.setattr(Expiry, "finish", lambda *_: None)
        prompt("adhoc", "restore", "warmth")
    assert "on its way back" in prompt("adhoc", "list")
    assert "it is back" in prompt("adhoc", "restore", "warmth")
    assert "in use" in prompt("adhoc", "list")


def test_area_that_is_closed_goes_without_notice_and_comes_back(prompt: Prompt) -> None:
    prompt(*NEW)
    prompt("adhoc", "close", "warmth", "--why", "it was a mistake")
    prompt("adhoc", "restore", "warmth")
    assert prompt.expire() == {}
    prompt("adhoc", "close", "warmth", "--why", "it was a mistake")
    assert prompt.expire() == {"adhoc/warmth": "trashed"}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ((*NEW[:3], "--owner", "labs", "--group", "press"), "no team `labs` in policy.yaml: did you mean `lab`?"),
        ((*NEW[:3], "--owner", "lab", "--group", "all"), "no reader group `all` in policy.yaml"),
        (("adhoc", "new", "../x", *NEW[3:]), "'../x' is no name of an area"),
        ((*NEW, "--keep-until", "2999-01-01"), "say why it is kept so long"),
        ((*NEW, "--keep-until", "2020-01-01", "--why", "x"), "which has passed"),
        ((*NEW, "--keep-until", "2999-01-01", "--why", " "), "say why it is kept so long"),
        (("adhoc", "query", "nowhere", SQL), "there is no area adhoc/nowhere"),
        (("adhoc", "show", "nowhere"), "there is no area adhoc/nowhere; there are none"),
        (("adhoc", "query", "nowhere"), "write the query"),
        (("branch", "close", "pr-1", "--why", "merged"), "local has no areas of kind branch: set DATAOPS_DEPLOYMENT to adhoc"),
        (("dev", "list"), "local has no areas of kind dev"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_way_out(prompt: Prompt, command: tuple[str, ...], told: str) -> None:
    assert told in prompt(*command, fails=True)


def test_there_is_one_area_of_a_name(prompt: Prompt) -> None:
    prompt(*NEW)
    assert "there is an area adhoc/warmth already, of lab: take another name" in prompt(*NEW, fails=True)
    assert "did you mean `warmth`" in prompt("adhoc", "show", "wamrth", fails=True)


def test_copy_of_a_result_is_traced_to_what_it_was_made_from(prompt: Prompt, tmp_path: Path) -> None:
    prompt(*NEW)
    said = prompt("adhoc", "query", "warmth", SQL)
    assert "read readings (3 partitions); for press, public" in said
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(prompt.tree.store.path("adhoc/warmth/result.parquet").read_bytes())
    told = prompt("why", str(copy))
    assert "adhoc/warmth · 2 rows" in told
    assert SQL in told
    for partition in ("2024-01-01", "2024-01-02", "2024-01-03"):
        published = prompt.tree.lake.published(prompt.tree["readings"], partition)
        assert published
        assert f"{partition} · sha256 {published.sha256}" in told


@pytest.mark.parametrize("name", ["dev/me", "branch/pr-1", "prod"])
def test_other_deployments_have_no_ad_hoc_areas(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("DATAOPS_DEPLOYMENT", name)
    monkeypatch.setenv("DATAOPS_PROD", str(tmp_path / "prod"))
    monkeypatch.setenv("DATAOPS_PIPELINE", "somebody")
    for command in (NEW, ("adhoc", "list"), ("expire",)):
        assert f"{name} has no ad-hoc areas: set DATAOPS_DEPLOYMENT to adhoc" in prompt(*command, fails=True)
