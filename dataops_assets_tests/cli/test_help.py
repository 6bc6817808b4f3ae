import subprocess
import sys

HEAVY = {"dagster", "matplotlib", "pandera", "polars", "pydantic", "yaml"}


def test_help_waits_for_no_library():
    code = f"import sys, dataops_assets.cli.main; print(*({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
