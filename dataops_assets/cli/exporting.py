"""Verbs that write what infrastructure is made from.

Not here: what they write (`lifecycle`, `infra`).
"""

import sys

import click


@click.group()
def export() -> None:
    """Write what infrastructure is made from, as the contracts say it."""


@export.command("lifecycle")
@click.option(
    "--bucket",
    "buckets",
    type=click.Choice(["landing", "prod", "dev", "audit"]),
    multiple=True,
    help="Of this one alone, as Terraform takes it; of one that holds both, name both.",
)
@click.option("--below", default="", metavar="PREFIX", help="Where in the bucket all of it lies, if not at the top.")
def export_lifecycle(buckets: tuple[str, ...], below: str) -> None:
    """Write the rules by which each bucket ends things, as JSON for Terraform's aws_s3_bucket_lifecycle_configuration."""
    from dataops_assets.catalog import DEFS, load_catalog
    from dataops_assets.cli.lifecycle import export_rules

    export_rules(load_catalog(DEFS), buckets, below.strip("/"))


@export.command("infra")
@click.option("--check", is_flag=True, help="Write nothing; say what of a committed file differs, and fail.")
def export_infra(check: bool) -> None:
    """Write what Terraform is told of the contracts: contracts.auto.tfvars.json of each environment below infra/.

    Readers, classifications, lifecycles, providers and tables, as the contracts say them. What AWS cannot express is an error.
    """
    from dataops_assets.catalog import DEFS, load_catalog
    from dataops_assets.cli.infra import check_variables, write_variables

    catalog, infra = load_catalog(DEFS), DEFS.parent.parent / "infra"
    if check:
        sys.exit(0 if check_variables(catalog, infra) else 1)
    write_variables(catalog, infra)
