"""What a GraphQL document asks of the Dagster webserver, and who may: every mutation that its schema has, for every role."""

from pathlib import Path
from typing import Any

import pytest
from dagster_graphql.schema import create_schema
from graphql import GraphQLSchema, get_named_type, is_input_object_type, parse

from dataops_assets.contract.errors import Mistake
from dataops_assets.policy import webserver
from dataops_assets.policy.refused import Refused
from dataops_assets.policy.webserver import Asked, Role, asked, only_subscribes, read_table, table, why_not

OPERATORS = {
    "launchRun": "launch",
    "launchPipelineExecution": "launch",
    "launchMultipleRuns": "launch",
    "launchPartitionBackfill": "launch",
    "launchRunReexecution": "re-execute",
    "launchPipelineReexecution": "re-execute",
    "reexecutePartitionBackfill": "re-execute",
    "resumePartitionBackfill": "re-execute",
    "terminateRun": "terminate",
    "terminateRuns": "terminate",
    "terminatePipelineExecution": "terminate",
    "cancelPartitionBackfill": "terminate",
}
"""Launch, re-execute or terminate, and nothing else."""
OF_THE_PAGE = {"setNuxSeen", "logTelemetry"}
SELECTOR = {"repositoryLocationName": "dataops_assets", "repositoryName": "__repository__", "pipelineName": "__ASSET_JOB"}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return create_schema().graphql_schema


def launch(**changes: Any) -> dict[str, Any]:
    """The variables of a launch as the UI sends them."""
    selected = SELECTOR | {"assetSelection": [{"path": ["staged", "stations"]}], "assetCheckSelection": []}
    tags = [{"key": "dagster/partition", "value": "2024-01-01"}]
    return {"p": {"selector": selected, "runConfigData": {}, "mode": "default", "executionMetadata": {"tags": tags}, **changes}}


LAUNCH = "mutation Launch($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }"


def judged(schema: GraphQLSchema, role: Role, query: str, variables: dict[str, Any] | None = None) -> list[str | None]:
    """Why somebody may not, for each mutation that a document asks for."""
    return [why_not(table(), role, one) for one in asked(query, variables or {}, schema)]


def test_every_mutation_of_the_schema_stands_in_the_table(schema: GraphQLSchema):
    assert schema.mutation_type
    assert set(table().mutations) == set(schema.mutation_type.fields)


def test_a_mutation_can_be_asked_for_at_the_top_alone(schema: GraphQLSchema):
    leading = {
        f"{type_.name}.{name}"
        for type_ in schema.type_map.values()
        for name, field in getattr(type_, "fields", {}).items()
        if get_named_type(field.type) is schema.mutation_type
    }
    assert leading == set()


@pytest.mark.parametrize("mutation", sorted(create_schema().graphql_schema.mutation_type.fields))  # type: ignore[union-attr]
def test_a_viewer_may_do_nothing_and_an_operator_three_things(mutation: str):
    may = {role: why_not(table(), role, Asked(mutation, {})) is None for role in table().roles}
    row = table().mutations[mutation]
    assert may == {"viewers": mutation in OF_THE_PAGE, "operators": mutation in {*OPERATORS, *OF_THE_PAGE}}
    assert row.what == OPERATORS.get(mutation)
    assert bool(row.why) == (mutation not in OPERATORS), "whoever is refused is told why"


def test_what_is_in_no_table_is_refused():
    assert (
        why_not(table(), "operators", Asked("dropEverything", {})) == "it does not stand in the table of what may be asked for"
    )


def test_no_field_of_an_input_is_allowed_that_the_schema_does_not_have(schema: GraphQLSchema):
    assert schema.mutation_type
    there: set[str] = set()
    left = [schema.mutation_type.fields[name].args for name in OPERATORS]
    while left:
        for name, argument in left.pop().items():
            there.add(name)
            type_ = get_named_type(argument.type)
            if is_input_object_type(type_):
                left.append(type_.fields)  # type: ignore[arg-type]
    assert there - table().launching.fields == {"preset", "forceSynchronousSubmission"}
    assert table().launching.fields - there == set()


@pytest.mark.parametrize(
    "query",
    [
        'mutation { deleteRun(runId: "1") { __typename } }',
        'mutation{deleteRun(runId:"1"){__typename}}',
        '# query { version }\nmutation ,,, { # terminateRun\n harmless: deleteRun(runId: "1") { __typename } }',
        '\ufeffmutation { terminateRun: deleteRun(runId: "1") { __typename } }',
        'query Read { version } mutation Other { deleteRun(runId: "1") { __typename } }',
        'mutation { ...a } fragment a on Mutation { ...b } fragment b on Mutation { deleteRun(runId: "1") { __typename } }',
        'fragment a on Mutation { deleteRun(runId: "1") { __typename } } mutation { ... on Mutation { ... { ...a } } }',
        'mutation($no: Boolean = false) { deleteRun(runId: "1") @include(if: $no) { __typename } }',
        'mutation { deleteRun(runId: "1") @skip(if: true) { __typename } }',
        'mutation { \n\t\r deleteRun(runId: """1""") { __typename } }',
    ],
)
def test_whatever_it_looks_like_it_is_found(schema: GraphQLSchema, query: str):
    assert [one.mutation for one in asked(query, {}, schema)] == ["deleteRun"]
    assert judged(schema, "operators", query) == ["what the run has made would look as if it were missing"]


def test_one_that_may_not_be_is_found_among_those_that_may(schema: GraphQLSchema):
    query = 'mutation { a: terminateRun(runId: "1") { __typename } b: wipeAssets(assetPartitionRanges: []) { __typename } }'
    assert judged(schema, "operators", query) == [None, "what was made would look as if it were missing"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "cannot be read"),
        ("mutation {", "cannot be read"),
        ("{ a " * 5000, "cannot be read"),
        ("{ a } " * 20_000, "cannot be read"),
        ("mutation { ...a } fragment a on Mutation { ...a }", "holds itself"),
        ("mutation { ...a }", "is not there"),
        ("mutation { terminateRun { __typename } }", "arguments of `terminateRun` do not fit"),
        (LAUNCH, "variables do not fit"),
    ],
)
def test_what_cannot_be_read_is_refused(schema: GraphQLSchema, query: str, told: str):
    with pytest.raises(Mistake, match=told):
        asked(query, {}, schema)


def test_what_reads_asks_for_no_mutation(schema: GraphQLSchema):
    assert asked("query mutation { version __schema { mutationType { fields { name } } } }", {}, schema) == []
    assert asked("subscription { locationStateChangeEvents { __typename } }", {}, schema) == []


@pytest.mark.parametrize(
    ("query", "only"),
    [
        ("subscription { locationStateChangeEvents { __typename } }", True),
        ("subscription { ...a } fragment a on Subscription { locationStateChangeEvents { __typename } }", True),
        ('mutation { deleteRun(runId: "1") { __typename } }', False),
        ("query { version }", False),
        ("subscription a { locationStateChangeEvents { __typename } } mutation b { setNuxSeen }", False),
        ("fragment a on Subscription { __typename }", False),
    ],
)
def test_a_socket_carries_subscriptions_alone(query: str, only: bool):
    assert parse(query)
    assert only_subscribes(query) is only


def test_an_operator_may_launch_as_the_ui_does(schema: GraphQLSchema):
    assert judged(schema, "operators", LAUNCH, launch()) == [None]
    assert judged(schema, "operators", LAUNCH, launch(runConfigData="ops: {erase: {config: {request: x}}}")) == [None]
    assert judged(schema, "operators", LAUNCH, launch(runConfigData="")) == [None]
    [one] = asked(LAUNCH, launch(), schema)
    assert one.about == "__ASSET_JOB, dataops_assets, staged/stations"


def test_a_viewer_is_told_who_may(schema: GraphQLSchema):
    assert judged(schema, "viewers", LAUNCH, launch()) == ["operators alone may launch, and you are of viewers"]


def tagged(key: str) -> dict[str, Any]:
    return launch(executionMetadata={"tags": [{"key": key, "value": "{}"}]})


WAYS_AROUND: list[tuple[str, dict[str, Any], str]] = [
    (LAUNCH, tagged("dagster-k8s/config"), "the tag `dagster-k8s/config`"),
    (LAUNCH, tagged("dagster/image"), "the tag `dagster/image`"),
    (LAUNCH, tagged("dagster/concurrency_key"), "the tag `dagster/concurrency_key`"),
    (LAUNCH, tagged("dataops/taken_on"), "the tag `dataops/taken_on`"),
    (LAUNCH, launch(runConfigData={"resources": {"lake": {}}}), "run config says `resources`"),
    (LAUNCH, launch(runConfigData={"ops": {}, "execution": {}}), "run config says `execution`"),
    (LAUNCH, launch(runConfigData="ops: {}\nloggers: {}"), "run config says `loggers`"),
    (LAUNCH, launch(runConfigData="<<: {resources: {}}"), "run config says `resources`"),
    (LAUNCH, launch(runConfigData="{"), "run config says `what is no YAML`"),
    (LAUNCH, launch(runConfigData="[resources]"), "run config says `no keys`"),
    (LAUNCH, launch(selector=SELECTOR | {"repositoryLocationName": "theirs"}), "the code location `theirs`"),
    (LAUNCH, launch(preset="p"), "`preset` is not for people to say"),
    (
        "mutation($p: [ExecutionParams!]!) { launchMultipleRuns(executionParamsList: $p) { __typename } }",
        {"p": [launch()["p"], tagged("dagster-k8s/config")["p"]]},
        "the tag `dagster-k8s/config`",
    ),
    (
        "mutation($t: [ExecutionTag!]) { launchRunReexecution(reexecutionParams:"
        ' {parentRunId: "1", strategy: ALL_STEPS, extraTags: $t}) { __typename } }',
        {"t": [{"key": "dagster-k8s/config", "value": "{}"}]},
        "the tag `dagster-k8s/config`",
    ),
    (
        "mutation($p: ExecutionParams!) { launchRunReexecution(executionParams: $p) { __typename } }",
        launch(runConfigData={"resources": {}}),
        "run config says `resources`",
    ),
    (
        'mutation { launchPartitionBackfill(backfillParams: {tags: [{key: "dagster-k8s/config", value: "{}"}]})'
        " { __typename } }",
        {},
        "the tag `dagster-k8s/config`",
    ),
    (
        'mutation { launchPartitionBackfill(backfillParams: {runConfigData: "resources: {}"}) { __typename } }',
        {},
        "run config says `resources`",
    ),
    (
        'mutation { launchPartitionBackfill(backfillParams: {selector: {partitionSetName: "p", repositorySelector:'
        ' {repositoryName: "r", repositoryLocationName: "theirs"}}}) { __typename } }',
        {},
        "the code location `theirs`",
    ),
    (
        'mutation($c: RunConfigData = {resources: {}}) { launchRun(executionParams: {selector: {repositoryName: "r",'
        ' repositoryLocationName: "dataops_assets"}, runConfigData: $c}) { __typename } }',
        {},
        "run config says `resources`",
    ),
]


@pytest.mark.parametrize(("query", "variables", "told"), WAYS_AROUND)
def test_an_operator_says_what_runs_and_never_how(schema: GraphQLSchema, query: str, variables: dict[str, Any], told: str):
    [why] = judged(schema, "operators", query, variables)
    assert why
    assert told in why


LAUNCHES = "launchRun:                    {who: operators, what: launch}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (LAUNCHES, "launchRun: {who: operator, what: launch}", "`who` is 'operator'"),
        (LAUNCHES, "launchRun: {whom: operators, what: launch}", "unknown attribute `whom`\n    remedy: did you mean `who`?"),
        (LAUNCHES, "launchRun {who: operators, what: launch}", "not readable as YAML"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_line_and_the_way_to_mend_it(tmp_path: Path, old: str, new: str, said: str):
    text = (Path(webserver.__file__).parent / "webserver.yaml").read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    (tmp_path / "webserver.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        read_table(tmp_path)
    told = str(refused.value)
    assert told.startswith(f"dataops_assets/policy/webserver.yaml:{line}: ")
    assert said in told
    assert "\n    remedy: " in told
