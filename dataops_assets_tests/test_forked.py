"""Processes that are forked from one that has imported the package, as multiprocessing's fork server does."""

import subprocess
import sys

IMPORTED = """
import os
import dataops_assets.definitions, dataops_assets.steps
print(*(open(f"/proc/self/task/{thread}/comm").read().strip() for thread in os.listdir("/proc/self/task")), sep="\\n")
"""


def test_importing_starts_none_of_the_threads_that_answer_queries():
    """A fork has a copy of their locks and none of the threads, so its first query would wait for ever."""
    threads = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True).stdout.split()
    assert threads
    assert not [name for name in threads if name.removeprefix("polars-").isdigit() or name.startswith("tokio")]
