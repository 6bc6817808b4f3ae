"""`dataops drift` as a user has it: what was switched by hand, whose it is, and a way back that works."""

from pathlib import Path

from dataops_assets_tests.checkout import Checkout, make_checkout

NIGHTLY = """
import dagster as dg


@dg.schedule(cron_schedule="@daily", target="staged/airlines", owners=["team:reference-data"])
def nightly():
    return dg.SkipReason("it is only there to be switched")
"""


def run(checkout: Checkout, command: str, code: int = 0) -> str:
    done = checkout.run(*command.split())
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_what_was_switched_by_hand_is_told_with_owner_and_the_way_back(tmp_path: Path):
    mine = make_checkout(tmp_path / "mine")
    (mine.root / "dataops_assets/defs/nightly.py").write_text(NIGHTLY)
    by_hand = Checkout(mine.root, {"DAGSTER_HOME": str(mine.root)})  # Dagster's own command line asks for it
    run(by_hand, "dagster sensor stop deliveries")
    run(by_hand, "dagster schedule start nightly")
    told = run(mine, "dataops drift", code=1)
    assert told.splitlines() == [
        "sensor deliveries: is off, and the code says on",
        "    since: not known, nor by whom: Dagster does not record it",
        "    owner: flight-operations, flight-operations@example.com",
        "    owner: reference-data, reference-data@example.com",
        "schedule nightly: is on, and the code says off",
        "    since: not known, nor by whom: Dagster does not record it",
        "    owner: team:reference-data, reference-data@example.com",
        "way back: `dataops drift --undo` lets the code decide again; what is to stay as it is belongs into the code",
    ]
    assert run(mine, "dataops drift --undo").count("put back") == 2
    assert run(mine, "dataops drift") == "sensors, schedules and limits of pools stand as the code says\n"
