"""What `.ci/run` says and how it ends, with stand-ins for all that it starts. Not here: what these find (their own tests)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dataops_assets_tests.checkout import PROJECT

PYTHON = """\
#!/bin/sh
[ "$2" = venv ] || exit 0
mkdir -p "$3/bin"
printf '#!/bin/sh\\nexit %s\\n' "$PIP_ENDS" >"$3/bin/pip"
printf '#!/bin/sh\\nexit %s\\n' "$CHECKOV_ENDS" >"$3/bin/checkov"
chmod +x "$3"/bin/*
"""
"""Makes an environment whose programs end as it is told."""
FOUND = "checkov has something to say of infra/"
NOT_ASKED = "checkov was not asked of infra/: it could not be installed by locks/checkov.txt"


@pytest.mark.parametrize(
    ("pip_ends", "checkov_ends", "said"), [(0, 0, []), (0, 1, [FOUND]), (1, 0, [NOT_ASKED]), (1, 1, [NOT_ASKED])]
)
def test_that_checkov_could_not_be_installed_is_told_apart_from_what_it_finds(
    tmp_path: Path, pip_ends: int, checkov_ends: int, said: list[str]
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci/run", tmp_path / ".ci/run")
    for program, text in ((".venv/bin/python", PYTHON), ("bin/make", "#!/bin/sh\n"), ("bin/go", "#!/bin/sh\n")):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text(text)
        (tmp_path / program).chmod(0o755)
    variables = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PIP_ENDS": str(pip_ends),
        "CHECKOV_ENDS": str(checkov_ends),
    }
    done = subprocess.run(
        [str(tmp_path / ".ci/run"), "check"], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [*said, f"0 passed, {len(said)} failed"], done.stderr
    assert done.returncode == len(said)
