"""What a plan may not hold, since what it lets somebody do would be told by nobody: `infra/kinds.py`, by `infra/render.py`."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.infra.plans import BUCKET, plan, resource, switched
from dataops_assets_tests.infra.terraform import plugins_of_this_machine
from infra import kinds, planning, render

ACCOUNT, ELSEWHERE = "222222222222", "333333333333"
TOPIC_ARN = f"arn:aws:sns:eu-central-1:{ACCOUNT}:company-alarms"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})
TOPIC = (
    resource("aws_sns_topic", name="company-alarms"),
    resource("aws_sns_topic_policy", arn=TOPIC_ARN, policy=POLICY),
)
ROLE = resource("aws_iam_role", name="company-x", assume_role_policy=POLICY, max_session_duration=3600)
CLUSTER = resource("aws_eks_cluster", name="company-prod")
ARN = f"arn:aws:iam::{ACCOUNT}"


@pytest.mark.parametrize(
    "kind",
    [
        "aws_iam_user_policy",
        "aws_iam_group_policy",
        "aws_iam_policy_attachment",
        "aws_iam_access_key",
        "aws_kms_grant",
        "aws_kms_key_policy",
        "aws_s3_access_point",
        "aws_s3_bucket_acl",
        "aws_s3_bucket_replication_configuration",
        "aws_s3control_access_grant",
        "aws_s3control_multi_region_access_point_policy",
        "aws_cloudformation_stack",
        "awscc_iam_role_policy",
        "aws_cognito_identity_pool_roles_attachment",
        "aws_ecr_registry_policy",
        "aws_ecr_repository_policy",
        "aws_glue_resource_policy",
        "aws_instance",
        "aws_lambda_function",
        "aws_secretsmanager_secret_policy",
        "aws_transfer_user",
        "aws_vpc_endpoint_policy",
        "github_repository_collaborator",
        "terraform_data",
        "of_a_provider_to_come",
    ],
)
def test_what_could_give_access_and_is_not_read_is_refused(kind: str) -> None:
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: .* is not read"):
        render.access([plan(resource(kind))])


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("aws_s3_bucket", "policy"),
        ("aws_s3_bucket", "grant"),
        ("aws_s3_bucket", "lifecycle_rule"),
        ("aws_s3_bucket", "logging"),
        ("aws_s3_bucket", "replication_configuration"),
        ("aws_s3_bucket", "versioning"),
        ("aws_s3_bucket", "website"),
        ("aws_cloudtrail", "enable_logging"),
        ("aws_eks_addon", "configuration_values"),
        ("aws_iam_openid_connect_provider", "thumbprint_list"),
        ("aws_iam_role", "tags"),
        ("aws_launch_template", "key_name"),
        ("aws_launch_template", "user_data"),
        ("aws_route", "vpc_peering_connection_id"),
        ("aws_sns_topic", "policy"),
        ("aws_sns_topic_subscription", "redrive_policy"),
        ("aws_vpc_endpoint", "policy"),
        ("aws_cloudwatch_event_target", "role_arn"),
        ("aws_cloudwatch_event_target", "dead_letter_config"),
        ("aws_db_instance", "publicly_accessible"),
        ("aws_eks_addon", "pod_identity_association"),
        ("aws_eks_addon", "service_account_role_arn"),
        ("aws_eks_node_group", "remote_access"),
        ("aws_iam_role", "managed_policy_arns"),
        ("aws_launch_template", "iam_instance_profile"),
        ("aws_default_security_group", "ingress"),
        ("aws_security_group", "ingress"),
        ("aws_vpc_security_group_ingress_rule", "cidr_ipv4"),
        ("aws_vpc_security_group_ingress_rule", "cidr_ipv6"),
        ("aws_vpc_security_group_ingress_rule", "prefix_list_id"),
    ],
)
def test_what_a_resource_might_let_somebody_do_by_another_argument_is_refused(kind: str, argument: str) -> None:
    """Also where it is said by what is not made yet: then the plan has no value of it."""
    one = resource(kind, **{"aws_s3_bucket": {"bucket": "company-prod"}, "aws_sns_topic": {"name": "x"}}.get(kind, {}))
    given = plan(one | {"values": one["values"] | {argument: "x"}})
    not_known = plan(one)
    block = not_known["configuration"]["root_module"]["resources"][0]
    block["expressions"] = block["expressions"] | {argument: {"references": ["aws_iam_role.x.arn"]}}
    for planned in (given, not_known):
        with pytest.raises(render.NotRendered, match=rf"{kind}\.this: `{argument}` within it is not read"):
            render.access([planned])


TRAIL = {
    "name": "x",
    "cloud_watch_logs_group_arn": None,
    "s3_bucket_name": "company-prod",
    "sns_topic_name": None,
    **dict.fromkeys(("enable_log_file_validation", "include_global_service_events", "is_multi_region_trail"), True),
}
MACHINES = {"http_tokens": "required", "http_put_response_hop_limit": 1}


@pytest.mark.parametrize(
    ("kind", "values", "off", "told"),
    [
        *(
            (one["type"], one["values"], {name: value}, told)
            for one, name, value, told in zip(
                switched("company-prod"),
                ("rule", "restrict_public_buckets", "versioning_configuration"),
                ([{"object_ownership": "ObjectWriter"}], False, [{"status": "Suspended"}]),
                ("`rule.object_ownership` is ObjectWriter", "`restrict_public_buckets` is off", "status` is Suspended"),
                strict=True,
            )
        ),
        ("aws_ecr_repository", {"image_tag_mutability": "IMMUTABLE"}, {"image_tag_mutability": "MUTABLE"}, "is MUTABLE"),
        (
            "aws_launch_template",
            {"metadata_options": [MACHINES]},
            {"metadata_options": [MACHINES | {"http_tokens": "optional"}]},
            r"`metadata_options\.http_tokens` is optional: it is always required",
        ),
        (
            "aws_launch_template",
            {"metadata_options": [MACHINES]},
            {"metadata_options": [MACHINES | {"http_put_response_hop_limit": 2}]},
            "hop_limit` is 2: it is always 1",
        ),
        ("aws_launch_template", {"metadata_options": [MACHINES]}, {"metadata_options": []}, "is off"),
        ("aws_cloudtrail", TRAIL, {"is_multi_region_trail": False}, "`is_multi_region_trail` is off"),
    ],
)
def test_a_switch_that_holds_everybody_is_on(kind: str, values: dict[str, Any], off: dict[str, Any], told: str) -> None:
    assert render.access([plan(BUCKET, resource(kind, **values))])
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: .*{told}"):
        render.access([plan(BUCKET, resource(kind, **values | off))])


@pytest.mark.parametrize("kind", [one["type"] for one in switched("company-prod")])
def test_a_bucket_without_a_switch_is_refused(kind: str) -> None:
    """Versions are kept where what is overwritten ends later: results of queries are written once."""
    rule = {"status": "Enabled", "noncurrent_version_expiration": [{"noncurrent_days": 30}]}
    planned = plan(BUCKET, resource("aws_s3_bucket_lifecycle_configuration", bucket="company-prod", rule=[rule]))
    assert render.access([planned])
    made = planned["planned_values"]["root_module"]
    made["resources"] = [one for one in made["resources"] if one["type"] != kind]
    with pytest.raises(render.NotRendered, match=rf"its bucket has no {kind}: write one"):
        render.access([planned])


def test_machines_without_a_template_are_refused() -> None:
    assert render.access([plan(resource("aws_eks_node_group", launch_template=[]))])
    with pytest.raises(render.NotRendered, match="without a `launch_template`, its pods reach the credentials"):
        render.access([plan(resource("aws_eks_node_group"))])


def test_what_is_said_of_a_resource_that_is_not_made_yet_is_refused() -> None:
    planned = plan(BUCKET)
    one = resource("aws_launch_template") | {"expressions": {"user_data": {"references": ["var.x"]}}}
    planned["configuration"]["root_module"]["module_calls"] = {"more": {"source": "./more", "module": {"resources": [one]}}}
    with pytest.raises(render.NotRendered, match=r"module\.more\.aws_launch_template\.this: `user_data` within it is not read"):
        render.access([planned])


def test_code_that_is_fetched_is_refused() -> None:
    for source in ("../../modules/x", "./x"):
        planned = plan(BUCKET)
        planned["configuration"]["root_module"]["module_calls"] = {"x": {"source": source, "module": {}}}
        assert render.access([planned])
    planned["configuration"]["root_module"]["module_calls"]["x"]["module"] = {
        "module_calls": {"y": {"source": "git::https://example.com/x.git", "module": {}}}
    }
    with pytest.raises(render.NotRendered, match=r"module\.y is fetched from git::https"):
        render.access([planned])


def test_a_provider_is_that_of_aws_and_is_written() -> None:
    """What overrides it here stands in its place, if there is none."""
    planned, expressions = plan(BUCKET), {"region": {"references": ["var.region"]}, "access_key": {"constant_value": "none"}}
    ours = {"full_name": "registry.terraform.io/hashicorp/aws", "expressions": expressions}
    planned["configuration"]["provider_config"] = {"aws": ours}
    assert render.access([planned])
    ours["expressions"] = {"access_key": {"constant_value": "none"}}
    with pytest.raises(render.NotRendered, match="no provider says where, and in which account"):
        render.access([planned])
    ours["full_name"] = "registry.terraform.io/elsewhere/aws"
    with pytest.raises(render.NotRendered, match=r"the provider registry\.terraform\.io/elsewhere/aws is not read"):
        render.access([planned])


HELD = {"name": "rights", "role": "company-x", "policy": POLICY}
ENTRY = {"cluster_name": "company-prod", "principal_arn": f"{ARN}:role/company-x", "type": "STANDARD"}
VIEW = {
    "cluster_name": "company-prod",
    "principal_arn": f"{ARN}:role/company-x",
    "policy_arn": "arn:aws:eks::aws:cluster-access-policy/View",
    "access_scope": [{"type": "cluster"}],
}
POD = {"cluster_name": "company-prod", "namespace": "prod", "service_account": "x", "role_arn": f"{ARN}:role/company-x"}
TARGET = {"rule": "prod-written", "target_id": "alarms", "arn": TOPIC_ARN}
ALARM = {"alarm_name": "x", "alarm_actions": None, "insufficient_data_actions": None, "ok_actions": None}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("aws_s3_bucket", BUCKET["values"]),
        ("aws_s3_bucket_policy", {"bucket": "company-prod", "policy": POLICY}),
        ("aws_s3_bucket_lifecycle_configuration", {"bucket": "company-prod", "rule": []}),
        ("aws_s3_bucket_object_lock_configuration", {"bucket": "company-prod", "rule": []}),
        *((one["type"], one["values"]) for one in switched("company-prod")),
        ("aws_iam_role", ROLE["values"]),
        ("aws_iam_role_policy", HELD),
        ("aws_iam_policy", {"name": "x", "policy": POLICY}),
        ("aws_kms_alias", {"name": "alias/x"}),
        ("aws_sns_topic", TOPIC[0]["values"]),
        ("aws_sns_topic_policy", TOPIC[1]["values"]),
        ("aws_eks_cluster", CLUSTER["values"]),
        ("aws_eks_access_entry", ENTRY),
        ("aws_eks_access_policy_association", VIEW),
        ("aws_eks_pod_identity_association", POD),
        ("aws_cloudwatch_event_rule", {"name": "prod-written"}),
        ("aws_cloudwatch_event_target", TARGET),
        ("aws_cloudwatch_metric_alarm", ALARM),
        ("aws_cloudwatch_log_metric_filter", {"log_group_name": "x", "name": "y"}),
        ("aws_ecr_lifecycle_policy", {"repository": "x"}),
    ],
)
def test_two_resources_of_the_same_thing_are_refused_with_both_addresses(kind: str, values: dict[str, Any]) -> None:
    """Neither hides behind the other, whichever comes first and wherever it stands: here in another root."""
    both = rf"{kind}\.another and {kind}\.this are both of "
    kept = [one for one in (BUCKET, *TOPIC, ROLE, CLUSTER) if one["type"] != kind]
    with pytest.raises(render.NotRendered, match=both):
        render.access([plan(*kept, resource(kind, **values)), plan(resource(kind, "another", **values))])


def test_a_policy_that_is_attached_is_not_of_the_name_of_one_that_is_held() -> None:
    more = resource("aws_iam_policy", name="rights", policy=POLICY)
    attached = resource("aws_iam_role_policy_attachment", role="company-x", policy_arn=f"{ARN}:policy/rights")
    assert list(render.access([plan(ROLE, more, attached)])["roles"]["company-x"]["policies"]) == ["rights"]
    both = r"aws_iam_role_policy_attachment\.this and aws_iam_role_policy\.this are both of company-x rights"
    with pytest.raises(render.NotRendered, match=both):
        render.access([plan(ROLE, more, resource("aws_iam_role_policy", **HELD), attached)])


def test_two_roots_do_not_have_a_resource_of_the_same_address() -> None:
    """A key is known by its address."""
    key = resource("aws_kms_key", policy=POLICY)
    with pytest.raises(render.NotRendered, match=r"aws_kms_key\.this and aws_kms_key\.this are both of"):
        render.access([plan(key), plan(key)])


def test_what_is_said_of_a_bucket_that_is_not_planned_is_refused() -> None:
    with pytest.raises(
        render.NotRendered, match=r"aws_s3_bucket_policy\.this is of the bucket other, which is not planned here"
    ):
        render.access([plan(BUCKET, resource("aws_s3_bucket_policy", bucket="other", policy=POLICY))])


@pytest.mark.parametrize("provisioner", ["local-exec", "remote-exec", "file"])
def test_what_is_run_when_something_is_made_is_refused_in_whatever_module(provisioner: str) -> None:
    """Also where nothing is made of it yet: `count` may be another tomorrow."""
    planned = plan(BUCKET)
    inner = {"resources": [resource("aws_vpc") | {"provisioners": [{"type": provisioner}]}]}
    outer = {"module_calls": {"inner": {"module": inner}}}
    planned["configuration"]["root_module"]["module_calls"] = {"outer": {"module": outer}}
    refused = rf"module\.outer\.module\.inner\.aws_vpc\.this: what its provisioner `{provisioner}` does"
    with pytest.raises(render.NotRendered, match=refused):
        render.access([planned])


@pytest.mark.parametrize(("kind", "mode"), [("external", "data"), ("http", "data"), ("aws_lambda_invocation", "ephemeral")])
def test_what_is_run_or_asked_to_make_a_plan_is_refused(kind: str, mode: str) -> None:
    planned = plan(BUCKET)
    blocks = planned["configuration"]["root_module"]["resources"]
    blocks.append(resource("aws_iam_policy_document") | {"mode": "data"})
    assert render.access([planned])
    blocks.append(resource(kind) | {"mode": mode})
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: what data of this kind runs, or reads"):
        render.access([planned])


@pytest.mark.terraform
def test_a_provisioner_stands_in_a_plan_of_terraform_as_it_is_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in plugins_of_this_machine().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "inner").mkdir()
    (tmp_path / "main.tf").write_text('module "inner" {\n  source = "./inner"\n}\n')
    runs = 'resource "terraform_data" "x" {\n  count = 0\n  provisioner "local-exec" {\n    command = "true"\n  }\n}\n'
    (tmp_path / "inner/main.tf").write_text(runs)
    planning.terraform(tmp_path, "init", "-input=false")
    planning.terraform(tmp_path, "plan", "-out=plan")
    shown = json.loads(planning.terraform(tmp_path, "show", "-json", "plan"))
    with pytest.raises(render.NotRendered, match=r"module\.inner\.terraform_data\.x: what its provisioner `local-exec` does"):
        kinds.refuse([shown], planning.resources(shown), [])


FOREIGN = f"arn:aws:sns:eu-central-1:{ELSEWHERE}:company-alarms"
LOGS = resource("aws_cloudwatch_log_group", name="/company/trail")
LOGS_ARN = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/company/trail:*"


@pytest.mark.parametrize(
    ("kind", "values", "name", "foreign"),
    [
        ("aws_s3_bucket_logging", {"bucket": "company-prod", "target_bucket": "company-prod"}, "target_bucket", "elsewhere"),
        ("aws_cloudtrail", TRAIL, "s3_bucket_name", "elsewhere"),
        ("aws_cloudtrail", TRAIL, "sns_topic_name", FOREIGN),
        (
            "aws_cloudtrail",
            TRAIL | {"cloud_watch_logs_group_arn": LOGS_ARN},
            "cloud_watch_logs_group_arn",
            LOGS_ARN.replace(ACCOUNT, ELSEWHERE),
        ),
        ("aws_cloudwatch_event_target", TARGET, "arn", FOREIGN),
        ("aws_cloudwatch_event_target", TARGET, "arn", f"arn:aws:events:eu-central-1:{ELSEWHERE}:event-bus/default"),
        ("aws_cloudwatch_metric_alarm", ALARM | {"alarm_actions": [TOPIC_ARN]}, "alarm_actions", [TOPIC_ARN, FOREIGN]),
        ("aws_cloudwatch_metric_alarm", ALARM, "ok_actions", [FOREIGN]),
    ],
)
def test_what_is_told_to_somebody_who_is_not_planned_is_refused(
    kind: str, values: dict[str, Any], name: str, foreign: str | list[str]
) -> None:
    """Neither is somebody taken whose name is not known yet, who may be anybody."""
    there = (BUCKET, *TOPIC, LOGS)
    assert render.access([plan(*there, resource(kind, **values))])
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: `{name}` is .*(elsewhere|{ELSEWHERE}).*: tell it to"):
        render.access([plan(*there, resource(kind, **values | {name: foreign}))])
    unknown = {key: value for key, value in values.items() if key != name}
    with pytest.raises(render.NotRendered, match=rf"{kind}\.this: `{name}` is not known before something is made"):
        render.access([plan(*there, resource(kind, **unknown))])


def test_whom_an_alarm_tells_beside_somebody_who_is_planned_is_refused_where_it_is_not_known() -> None:
    alarm = resource("aws_cloudwatch_metric_alarm", **ALARM | {"alarm_actions": [TOPIC_ARN, None]})
    with pytest.raises(render.NotRendered, match=r"`alarm_actions` is not known before something is made"):
        render.access([plan(*TOPIC, alarm)])


def test_results_of_queries_that_go_to_a_bucket_which_is_not_planned_are_refused() -> None:
    """They are copies of data. Where a workgroup says nothing, whoever asks says it, and needs the right to write there."""

    def group(**result: Any) -> dict[str, Any]:
        return plan(BUCKET, resource("aws_athena_workgroup", configuration=[{"result_configuration": [result]}]))

    assert render.access([group(output_location="s3://company-prod/analysts/")])
    assert render.access([plan(resource("aws_athena_workgroup", configuration=[]))])
    name = r"aws_athena_workgroup\.this: `configuration\.result_configuration\.output_location`"
    for elsewhere in ("s3://elsewhere/company-prod/", "s3://company-prod-of-another"):
        with pytest.raises(render.NotRendered, match=rf"{name} is {elsewhere}: tell it to"):
            render.access([group(output_location=elsewhere)])
    with pytest.raises(render.NotRendered, match=rf"{name} is not known before something is made"):
        render.access([group()])


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [("sqs", f"arn:aws:sqs:eu-central-1:{ELSEWHERE}:x"), ("https", "https://example.com"), ("lambda", f"{ARN}:function:x")],
)
def test_alarms_are_told_by_mail_alone(protocol: str, endpoint: str) -> None:
    assert render.access([plan(*TOPIC, resource("aws_sns_topic_subscription", protocol="email", endpoint="x@example.com"))])
    with pytest.raises(render.NotRendered, match=rf"who is told by `{protocol}` is not known here"):
        render.access([plan(*TOPIC, resource("aws_sns_topic_subscription", protocol=protocol, endpoint=endpoint))])
