"""The sample at a prompt, dropped into a folder of its own: `DATAOPS_LANDING`."""

from pathlib import Path

from dataops_assets_tests.checkout import make_checkout

DAY = "2013-01-01"


def test_what_is_dropped_elsewhere_is_taken_through(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "clone", DAY)
    drop, data = tmp_path / "drop", checkout.root / "data"
    checkout.variables["DATAOPS_LANDING"] = str(drop)
    told = checkout.run("dataops", "doctor", "--rounds", "1")
    assert told.returncode == 1
    assert f"{drop} is no folder" in told.stdout
    assert "set DATAOPS_LANDING to one that there is" in told.stdout

    for verb in ("deliver", "plan", "run", "status"):
        refused = checkout.run("dataops", verb)
        assert refused.returncode == 1
        assert f"DATAOPS_LANDING is {drop}, which is no folder: make it" in refused.stderr
    assert not drop.exists()

    drop.mkdir()
    delivered = checkout.run("dataops", "deliver")
    assert delivered.stdout.splitlines()[-1].endswith(f"into {drop}/landing")
    ran = checkout.run("dataops", "run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "all that the contracts demand holds" in ran.stdout
    assert (data / f"staged/flights/date={DAY}/data.parquet").exists()
    assert not (data / "landing").exists()
    assert {path.name for path in drop.iterdir()} <= {"landing", "_tmp"}

    told = checkout.run("dataops", "doctor", "--rounds", "1")
    assert told.returncode == 0, told.stdout
    assert f"landing              ok           {drop} opens" in told.stdout
    kept = checkout.run("dataops", "lifecycle")
    assert kept.returncode == 0, kept.stdout
    assert f"in {drop}: " in kept.stdout
