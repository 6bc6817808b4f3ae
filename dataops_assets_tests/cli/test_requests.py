"""How often `dataops run` asks a bucket when nothing is to be done."""

from collections import Counter
from pathlib import Path

from dataops_assets_tests.checkout import Checkout, make_checkout
from dataops_assets_tests.fault_proxy import FaultProxy, forward
from dataops_assets_tests.s3_server import Bucket


def test_run_with_nothing_to_do_lists_no_folder_of_data_twice_and_reads_nothing_twice(bucket: Bucket, tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "clone")
    pipeline = bucket.sts().get_caller_identity()["Arn"]
    here = {"DATAOPS_DEPLOYMENT": "prod", "DATAOPS_DATA": f"s3://{bucket.name}", "DATAOPS_PIPELINE": pipeline}

    def run(bucket: Bucket, *command: str) -> str:
        environment = {**bucket.environment(), **here, "DATAOPS_COMMIT": "ab" * 20}
        return Checkout(checkout.root, environment).run("dataops", *command, timeout_seconds=600).stdout

    run(bucket, "deliver")
    run(bucket, "run")
    with FaultProxy(bucket.endpoint, lambda request: forward) as proxy:
        assert run(bucket.behind(proxy.endpoint), "run").startswith("nothing was pending")
        seen = [request for request, _ in proxy.seen]
    assert {request.method for request in seen} <= {"GET", "HEAD"}
    listed = Counter(request.query["prefix"] for request in seen if "list-type" in request.query)
    read = Counter((request.method, request.path) for request in seen if "list-type" not in request.query)
    assert len(listed) > 30
    assert {folder: times for folder, times in listed.items() if times > 1 and not folder.startswith("landing/")} == {}
    assert {what: times for what, times in read.items() if times > 1} == {}
