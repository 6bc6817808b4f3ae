"""The entry point: everything in `defs/`, with the resources of the current deployment."""

from pathlib import Path

from dataops_assets.garbage import uncollected

with uncollected():
    import dagster as dg

    from dataops_assets import defs as declared
    from dataops_assets import deployment
    from dataops_assets.catalog import DEFS
    from dataops_assets.components.assets import dataset_definitions
    from dataops_assets.components.automation import automation
    from dataops_assets.components.erasing import erasure_job
    from dataops_assets.components.io_manager import LakeIOManager
    from dataops_assets.components.keys import refuse_other_directions
    from dataops_assets.components.loading import load_components, undisturbed
    from dataops_assets.components.pruning import pruning
    from dataops_assets.components.resource import LakeResource, cached_catalog
    from dataops_assets.components.results import gate_results
    from dataops_assets.components.sweeping import sweeping
    from dataops_assets.components.switches import nightly
    from dataops_assets.deployment import Deployment


def platform(here: Deployment, defs_root: Path) -> dg.Definitions:
    """What every deployment needs beside its datasets: resources, sensors, results, daily clearing, erasure, the executor.

    The deployment of the ad-hoc areas makes no dataset, so that it has areas in place of all that does.
    A step runs in the process of its run. It works on all cores by itself, and a process of its own would only start anew.
    """
    lake = LakeResource(here, defs_root)
    resources = {"lake": lake, "io_manager": LakeIOManager(lake)}
    ours = dg.Definitions.merge(dg.Definitions(resources=resources, executor=dg.in_process_executor), pruning())
    if here.areas:
        # Imported here: few deployments have areas, and it takes as long as a sixth of our modules.
        from dataops_assets.components.areas import area_definitions

        ours = dg.Definitions.merge(ours, area_definitions())
    if not here.makes_datasets:
        return ours
    catalog = cached_catalog(defs_root)
    automated = automation(frozenset(catalog.datasets), over_prod=here.prod is not None)
    return dg.Definitions.merge(automated, gate_results(catalog), sweeping(), erasure_job(), ours)


def build(defs_root: Path, here: Deployment) -> dg.Definitions:
    """Definitions over any folder of contracts, for any deployment."""
    catalog = cached_catalog(defs_root)
    datasets = [dataset_definitions(catalog, dataset) for dataset in catalog] if here.makes_datasets else []
    return _watched(dg.Definitions.merge(*datasets, platform(here, defs_root)), here, defs_root)


def _watched(ours: dg.Definitions, here: Deployment, defs_root: Path) -> dg.Definitions:
    """In prod, with what looks every night whether somebody has switched them by hand."""
    if here.name != "prod":
        return ours
    return dg.Definitions.merge(ours, nightly(ours, cached_catalog(defs_root).policy.owners))


@dg.definitions
def defs() -> dg.Definitions:
    """The code location."""
    with undisturbed():
        # First, so that a mistake in a contract is told in our words, with file, line and remedy.
        cached_catalog(DEFS)
        here = deployment.current()
        if not here.makes_datasets:
            return platform(here, DEFS)
        merged = dg.Definitions.merge(load_components(declared), platform(here, DEFS))
        refuse_other_directions(merged.resolve_all_asset_specs())
        return _watched(merged, here, DEFS)
