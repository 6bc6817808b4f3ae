"""How long do the definitions take to load, against the libraries that they need, and with many datasets?

Seconds of the processors, which other work on the machine changes less, and by the clock: the median of several fresh
processes and, in brackets, the least. They take turns, so that what else the machine does is the same for all. Python keeps
what it has compiled, as in an image; a first run of each makes sure of it, and does not count.

* `definitions`: all there is to load, up to the repository that Dagster serves.
* `all that they load`: every module of others that is there once the definitions are loaded, imported alone.
* `libraries`: the ones that we name in our imports.
* `our modules`: all that `dataops_assets.definitions` imports, and no definitions.
* `Dagster alone`: a folder of as many components that do nothing.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dataops_assets_tests.trees import GOOD

_ROUNDS = 9
_LIBRARIES = "import dagster, dagster_pandera, pandera.backends.polars.builtin_checks, pandera.polars, polars, pydantic, yaml"
_MODULES = "import dataops_assets.definitions"
_DOING_NOTHING = """
import dataops_assets.defs
from dataops_assets.components import datasets
from dataops_assets.components.loading import load_components, undisturbed
datasets._DatasetComponent.build_defs = lambda self, context: dagster.Definitions()
with undisturbed():
    load_components(dataops_assets.defs)
"""
_DEFINITIONS = "from dataops_assets.definitions import defs\ndefs().get_repository_def()"
_OF_OTHERS = """
import sys
print(*(name for name, one in sys.modules.items() if "site-packages" in (getattr(one, "__file__", None) or "")))
"""
_PROJECT = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "generated"
"""
_DEFS = """
type: dataops_assets.components.IngestedDataset
attributes:
  description: A row.
  owner: lab
  readers: [analysts]
  lifecycle: standard
  classification: public
  source: {provider: A provider, files: "{partition}.csv"}
  partitions: {every: day, start: 2024-01-01}
  key: [id]
"""
_SCHEMA = """
import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    id: int = pa.Field(description="The key", ge=0)
    name: str = pa.Field(description="A name", nullable=True, str_length={"max_value": 100})
    amount: float = pa.Field(description="An amount, EUR", in_range={"min_value": 0, "max_value": 1e6})
    at: pl.Datetime("us", "UTC") = pa.Field(description="When, UTC")
    kind: str = pa.Field(description="A kind", isin=["a", "b", "c"])
"""


@dataclass(frozen=True)
class Seconds:
    """What several runs took."""

    processors: list[float]
    clock: list[float]

    def __str__(self) -> str:
        middle, least = f"{median(self.processors):.2f}", f"{min(self.processors):.2f}"
        return f"{middle} s ({least}) of processors, {median(self.clock):.2f} s ({min(self.clock):.2f}) by the clock"

    def against(self, other: "Seconds") -> str:
        """How many times as long as another."""
        pairs = (self.processors, other.processors), (self.clock, other.clock)
        (middle, least), (middle_by_clock, least_by_clock) = ((median(a) / median(b), min(a) / min(b)) for a, b in pairs)
        return f"{middle:.2f} ({least:.2f}) of processors, {middle_by_clock:.2f} ({least_by_clock:.2f}) by the clock"


def seconds(codes: Mapping[str, str], rounds: int = _ROUNDS) -> dict[str, Seconds]:
    """What each takes in fresh processes, in turns, without the start of Python itself."""
    began = "import time; began = time.process_time(), time.perf_counter()"
    told = "print(time.process_time() - began[0], time.perf_counter() - began[1])"
    found: dict[str, list[list[float]]] = {name: [] for name in codes}
    for _ in range(rounds + 1):
        for name, code in codes.items():
            found[name].append([float(one) for one in _printed(f"{began}\n{textwrap.dedent(code)}\n{told}").split()[-2:]])
    return {name: Seconds(*map(list, zip(*runs[1:], strict=True))) for name, runs in found.items()}


def _printed(code: str) -> str:
    warm = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([sys.executable, "-c", code], env=warm, capture_output=True, text=True, check=True).stdout


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    of_others = _printed(_DEFINITIONS + _OF_OTHERS).splitlines()[-1].split()
    found = seconds(
        {
            "definitions": _DEFINITIONS,
            "all that they load": f"import importlib\nfor name in {of_others}: importlib.import_module(name)",
            "libraries": _LIBRARIES,
            "our modules": _MODULES,
            "Dagster alone": _LIBRARIES + _DOING_NOTHING,
        }
    )
    for name, took in found.items():
        print(f"{name}: {took}")
    print(f"definitions against all that they load: {found['definitions'].against(found['all that they load'])}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(_PROJECT)
        defs = Path(folder, "generated/defs")
        defs.mkdir(parents=True)
        (defs.parent / "__init__.py").touch()
        (defs / "policy.yaml").write_text(textwrap.dedent(GOOD["policy.yaml"]))
        for i in range(count):
            here = defs / f"dataset_{i}"
            here.mkdir()
            (here / "defs.yaml").write_text(_DEFS)
            (here / "schema.py").write_text(_SCHEMA)
        code = f"""
            import sys
            from pathlib import Path
            sys.path.insert(0, {folder!r})
            import dagster as dg
            import generated.defs
            from dataops_assets.components.loading import load_components, undisturbed
            from dataops_assets.definitions import platform
            from dataops_assets.deployment import Deployment
            with undisturbed():
                loaded = load_components(generated.defs)
                rest = platform(Deployment("local", {folder!r}), Path({str(defs)!r}))
                dg.Definitions.merge(loaded, rest).get_repository_def()
        """
        print(f"{count} datasets: {seconds({'all': code}, rounds=3)['all']}")


if __name__ == "__main__":
    main()
