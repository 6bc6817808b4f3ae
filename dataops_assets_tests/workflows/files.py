"""The workflows and actions of `.github/`, as GitHub reads them. Not here: what is expected of them (the tests beside)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dataops_assets_tests.checkout import PROJECT

_GITHUB = PROJECT / ".github"


class _AsGitHub(yaml.SafeLoader):
    """YAML 1.2, in which `on` is a text."""


_AsGitHub.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AsGitHub.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _AsGitHub)
    return read


WORKFLOWS = {path.name: _read(path) for path in sorted((_GITHUB / "workflows").iterdir())}
ACTIONS = {path.parent.name: _read(path) for path in sorted((_GITHUB / "actions").glob("*/action.yml"))}
TEXTS = [path.read_text(encoding="utf-8") for folder in ("workflows", "actions") for path in (_GITHUB / folder).rglob("*.yml")]


@dataclass(frozen=True)
class Use:
    """Something that a step or job uses.

    Attributes:
        where: The file that says so.
        written: As it stands there.
    """

    where: str
    written: str

    @property
    def action(self) -> str:
        """The repository of somebody else's action; empty for what is ours."""
        return "" if self.written.startswith("./") else self.written.partition("@")[0]


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        workflow: The name of its file.
        name: Its name, which is that of its check.
        written: What it says.
    """

    workflow: str
    name: str
    written: dict[str, Any]

    @property
    def calls(self) -> bool:
        """Whether it runs nothing itself, but another workflow."""
        return "uses" in self.written

    @property
    def signs_in(self) -> bool:
        """Whether it may ask for a token that says who it is."""
        return self.written["permissions"].get("id-token") == "write"

    @property
    def steps(self) -> list[dict[str, Any]]:
        return list(self.written.get("steps", ()))


def jobs() -> list[Job]:
    return [Job(file, name, job) for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()]


def triggers(workflow: str) -> dict[str, Any]:
    """What a workflow runs on; of one that is called by others, what those run on."""
    on: dict[str, Any] = WORKFLOWS[workflow]["on"]
    if "workflow_call" not in on:
        return on
    callers = {job.workflow for job in jobs() if job.calls and Path(job.written["uses"]).name == workflow}
    return {trigger: how for caller in callers for trigger, how in triggers(caller).items()}


def on_each_pull_request() -> dict[str, dict[str, Any]]:
    """The jobs that run on every pull request, by name."""
    found = {}
    for job in jobs():
        on = triggers(job.workflow)
        if "pull_request" in on and not {"paths", "paths-ignore", "branches", "branches-ignore"} & set(
            on["pull_request"] or ()
        ):
            assert job.name not in found, f"two jobs are called {job.name}"
            found[job.name] = job.written
    return found


def uses() -> Iterator[Use]:
    for job in jobs():
        if job.calls:
            yield Use(job.workflow, job.written["uses"])
        yield from (Use(job.workflow, step["uses"]) for step in job.steps if "uses" in step)
    for name, action in ACTIONS.items():
        yield from (Use(name, step["uses"]) for step in action["runs"]["steps"] if "uses" in step)
