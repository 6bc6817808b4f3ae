"""How long do the definitions take to load, against the libraries that they need, and with many datasets?"""

import subprocess
import sys
import tempfile
import textwrap
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


def seconds(code: str) -> float:
    """The best of three fresh processes, without the start of Python itself."""
    timer = f"import time; t = time.perf_counter()\n{textwrap.dedent(code)}\nprint(time.perf_counter() - t)"
    return min(
        float(subprocess.run([sys.executable, "-c", timer], capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(3)
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    libraries = seconds(_LIBRARIES)
    ours = seconds("from dataops_assets.definitions import defs\ndefs()")
    print(f"libraries {libraries:.2f} s, definitions {ours:.2f} s: {ours / libraries:.2f} times")
    print(f"Dagster alone, for a folder of as many components that do nothing: {seconds(_LIBRARIES + _DOING_NOTHING):.2f} s")
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
        print(f"{count} datasets {seconds(code):.1f} s")


if __name__ == "__main__":
    main()
