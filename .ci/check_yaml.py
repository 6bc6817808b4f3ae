"""`dg check yaml` folder by folder. Asked for all of them at once, dg looks at one `defs.yaml` of each component type.

It writes out every alias of YAML, which may take it for ever: it is asked only if there are none, as it should be.
"""

import sys
from pathlib import Path

import click
from click.testing import CliRunner
from dagster_dg_cli.cli import create_dg_cli

from dataops_assets.contract import ContractError
from dataops_assets.contract.parse import parse_yaml


def main() -> int:
    """Check every folder below the project's `defs/`; the exit code is 1 if dg finds a mistake in one."""
    files = sorted(Path("dataops_assets/defs").rglob("defs.yaml"))
    try:
        for file in files:
            parse_yaml(file.read_text(encoding="utf-8", errors="replace"), str(file))
    except ContractError as error:
        click.echo(error, err=True)
        return 1
    dg = create_dg_cli()
    folders = [file.parent for file in files]
    results = {folder: CliRunner().invoke(dg, ["check", "yaml", str(folder)]) for folder in folders}
    failed = [result for result in results.values() if result.exit_code]
    for result in failed:
        click.echo(result.output.strip() or repr(result.exception), err=True)
    click.echo(f"dg checked {len(folders)} defs.yaml, {len(failed)} with mistakes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
