"""Runs that race for one partition, each a process of its own. Not in a test module: a process loads it by its name."""

import time
from datetime import UTC, datetime
from pathlib import Path

from dataops_assets import steps
from dataops_assets.catalog import load_catalog
from dataops_assets.storage.folder import Folder
from dataops_assets.storage.lake import Lake


def keep_running(root: Path, until: float, day: str) -> None:
    """Receive and stage one day of a tree again and again, until a moment."""
    lake = Lake(load_catalog(root / "defs"), Folder(root / "data"))
    while time.time() < until:
        now = datetime.now(UTC)
        list(steps.receive(lake, lake.catalog["readings"], [day], now))
        list(steps.stage(lake, lake.catalog["readings"], [day], "run", now))
