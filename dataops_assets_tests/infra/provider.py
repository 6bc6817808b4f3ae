"""The provider of AWS as a process that many commands of Terraform share: to start it is most of what each of them takes.

Here: starting it, in whose name, and what tells Terraform of it. Not here: Terraform, and where plugins lie (`terraform`).

Source: Terraform, "Debugging Terraform Plugins", `TF_REATTACH_PROVIDERS`.
"""

import atexit
import os
import re
import subprocess
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

_TOLD = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")


def of_nobody() -> dict[str, str]:
    """The environment, without what says who somebody is at AWS, or tells Terraform anything."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}


def reattached(plugins: Path) -> dict[str, str]:
    """What tells Terraform of a provider that runs until this process ends; each thread has its own, since one knows but one
    configuration at a time.

    Args:
        plugins: The folder of a host, in which `hashicorp/aws` lies.
    """
    return {"TF_REATTACH_PROVIDERS": _started(plugins, threading.get_ident())}


@cache
def _started(plugins: Path, _thread: int) -> str:
    (program,) = plugins.glob("hashicorp/aws/*/*/terraform-provider-aws*")
    with tempfile.NamedTemporaryFile("w+") as log:
        server = subprocess.Popen([program, "-debug"], stdout=log, stderr=subprocess.STDOUT, env=of_nobody())
        atexit.register(server.kill)
        while server.poll() is None:
            if found := _TOLD.search(Path(log.name).read_text()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(Path(log.name).read_text())
