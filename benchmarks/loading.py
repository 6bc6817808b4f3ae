"""How long do the definitions take to load, against the libraries that they need, and with many datasets?

Seconds by the clock, and of the processors, which other work on the machine changes less; the best of three fresh processes.

* `libraries`: the ones that we name in our imports.
* `all that they load`: every module of others that is there once the definitions are loaded. The rest is what is done with
  them: by us, and by Dagster for each folder and each type of component.
* `Dagster alone`: a folder of as many components that do nothing.
"""

import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

from dataops_assets_tests.trees import GOOD

_LIBRARIES = "import dagster, dagster_pandera, pandera.backends.polars.builtin_checks, pandera.polars, polars, pydantic, yaml"
_DOING_NOTHING = """
from pathlib import Path
import dataops_assets
from dataops_assets.components import datasets
datasets._DatasetComponent.build_defs = lambda self, context: dagster.Definitions()
dagster.load_from_defs_folder(path_within_project=Path(dataops_assets.__file__).parent)
"""
_DEFINITIONS = "from dataops_assets.definitions import defs\ndefs()"
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
    clock: float
    processors: float

    def __str__(self) -> str:
        return f"{self.clock:.2f} s ({self.processors:.2f} s of processors)"


def seconds(code: str) -> Seconds:
    """The best of three fresh processes, without the start of Python itself."""
    began = "import time; began = time.perf_counter(), time.process_time()"
    timer = f"{began}\n{textwrap.dedent(code)}\nprint(time.perf_counter() - began[0], time.process_time() - began[1])"
    found = [[float(one) for one in _printed(timer).split()[-2:]] for _ in range(3)]
    return Seconds(*map(min, zip(*found, strict=True)))


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    of_others = _printed(_DEFINITIONS + _OF_OTHERS).splitlines()[-1].split()
    ours = seconds(_DEFINITIONS)
    print(f"definitions {ours}")
    for name, code in {
        "libraries": _LIBRARIES,
        "all that they load": f"import importlib\nfor name in {of_others}: importlib.import_module(name)",
    }.items():
        found = seconds(code)
        times = f"{ours.clock / found.clock:.2f} times, {ours.processors / found.processors:.2f} of processors"
        print(f"{name} {found}: {times}")
    print(f"Dagster alone, for a folder of as many components that do nothing: {seconds(_LIBRARIES + _DOING_NOTHING)}")
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
            from dataops_assets.definitions import platform
            from dataops_assets.deployment import Deployment
            loaded = dg.load_from_defs_folder(path_within_project=Path({str(defs.parent)!r}))
            dg.Definitions.merge(loaded, platform(Deployment("local", {folder!r}), Path({str(defs)!r}))).get_repository_def()
        """
        print(f"{count} datasets {seconds(code)}")


if __name__ == "__main__":
    main()
