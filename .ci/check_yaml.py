"""`dg check yaml` folder by folder. Asked for all of them at once, dg looks at one `defs.yaml` of each component type."""

import sys
from pathlib import Path

import click
from click.testing import CliRunner
from dagster_dg_cli.cli import create_dg_cli


def main() -> int:
    """Check every folder below the project's `defs/`; the exit code is 1 if dg finds a mistake in one."""
    dg = create_dg_cli()
    folders = sorted(path.parent for path in Path("dataops_assets/defs").rglob("defs.yaml"))
    results = {folder: CliRunner().invoke(dg, ["check", "yaml", str(folder)]) for folder in folders}
    failed = [result for result in results.values() if result.exit_code]
    for result in failed:
        click.echo(result.output.strip() or repr(result.exception), err=True)
    click.echo(f"dg checked {len(folders)} defs.yaml, {len(failed)} with mistakes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
