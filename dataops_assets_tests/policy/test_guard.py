"""The real Dagster webserver behind the guard: what people may ask it for, whichever way they try."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from graphql import get_named_type, get_nullable_type, is_enum_type, is_input_object_type, is_list_type, is_required_input_field
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dataops_assets.policy.guard import guarded
from dataops_assets.policy.webserver import table
from dataops_assets_tests.policy.console import SECRET, Console, console, schema, signed_in
from dataops_assets_tests.policy.test_webserver import LAUNCH, launch
from dataops_assets_tests.trees import STATIONS

DELETE = "mutation Delete($id: String!) { deleteRun(runId: $id) { __typename ... on DeletePipelineRunSuccess { runId } } }"
REASON = "what the run has made would look as if it were missing"
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture
def run(webserver: Console) -> str:
    """A run that somebody may want gone."""
    return anything().execute_in_process(instance=webserver.instance).run_id


def anything() -> dg.JobDefinition:
    return dg.Definitions(assets=[dg.asset(name="x")(lambda: None)]).resolve_implicit_global_asset_job_def()


def asks(webserver: Console, role: str, query: str, variables: dict[str, Any] | None = None) -> tuple[int, Any]:
    answer = webserver.of(role).post("/graphql", json={"query": query, "variables": variables or {}})
    return answer.status_code, answer.json()


def told(answer: Any) -> str:
    return str(answer["errors"][0]["message"])


def test_a_viewer_reads(webserver: Console):
    status, answer = asks(webserver, "viewers", "{ version assetNodes { assetKey { path } } }")
    assert status == 200
    assert ["staged", "stations"] in [node["assetKey"]["path"] for node in answer["data"]["assetNodes"]]
    assert webserver.of("viewers").get("/runs").status_code == 200
    assert webserver.of("viewers").head("/runs").status_code == 200
    assert webserver.of("viewers").get("/favicon.png").status_code == 200


def test_an_operator_launches_and_a_viewer_does_not(webserver: Console, caplog: pytest.LogCaptureFixture):
    webserver.tree.drop("stations", "stations.csv", STATIONS)
    _, found = asks(webserver, "viewers", "{ assetNodes { assetKey { path } repository { name location { name } } jobNames } }")
    repository = next(node["repository"] for node in found["data"]["assetNodes"])
    selector = {
        "repositoryName": repository["name"],
        "repositoryLocationName": repository["location"]["name"],
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["raw", "stations"]}, {"path": ["staged", "stations"]}],
    }
    variables = launch(selector=selector, executionMetadata={"tags": [{"key": "dagster/from_ui", "value": "true"}]})
    query = LAUNCH.replace("__typename", "__typename ... on LaunchRunSuccess { run { runId } }")

    with caplog.at_level(logging.INFO, "dataops.access"):
        status, refused = asks(webserver, "viewers", query, variables)
        before = webserver.instance.get_runs_count()
        answer = webserver.of("operators", name="ana@example.com").post(
            "/graphql", json={"query": query, "variables": variables}
        )
    assert (status, refused["data"], before) == (403, None, 0)
    assert "operators alone may launch" in told(refused)
    assert "ask an operator" in told(refused)
    assert answer.json()["data"]["launchRun"]["__typename"] == "LaunchRunSuccess", answer.json()

    launched = answer.json()["data"]["launchRun"]["run"]["runId"]
    until = time.monotonic() + PATIENCE_SECONDS
    while (done := webserver.instance.get_run_by_id(launched)) and not done.is_finished and time.monotonic() < until:
        time.sleep(0.2)
    assert done
    assert done.status == dg.DagsterRunStatus.SUCCESS
    assert webserver.tree.read("stations").height > 0

    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "dataops.access"]
    assert lines == [
        (
            "WARNING",
            "refused 'somebody@example.com' (viewers): launchRun of"
            " '__ASSET_JOB, dataops_assets, raw/stations, staged/stations': operators alone may launch, and you are of viewers",
        ),
        (
            "INFO",
            "allowed 'ana@example.com' (operators): launchRun of '__ASSET_JOB, dataops_assets, raw/stations, staged/stations'",
        ),
    ]
    assert {getattr(record, "person", None) for record in caplog.records if record.name == "dataops.access"} == {
        "somebody@example.com",
        "ana@example.com",
    }


def test_an_operator_terminates(webserver: Console):
    run = webserver.instance.create_run_for_job(anything())
    status, answer = asks(
        webserver,
        "operators",
        "mutation($id: String!) { terminateRun(runId: $id, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }",
        {"id": run.run_id},
    )
    assert (status, answer["data"]["terminateRun"]["__typename"]) == (200, "TerminateRunSuccess")
    assert webserver.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ["viewers", "operators"])
@pytest.mark.parametrize("mutation", sorted(table().mutations))
def test_over_the_wire_each_mutation_is_let_through_or_not_as_the_table_says(webserver: Console, role: str, mutation: str):
    """With a fragment that is nowhere on what it answers: whoever may ask is told so by the schema, others by the guard."""
    assert schema().mutation_type
    arguments = ", ".join(
        f"{name}: {literal(argument.type)}" for name, argument in schema().mutation_type.fields[mutation].args.items()
    )
    query = f"mutation {{ {mutation}{f'({arguments})' if arguments else ''} {{ __typename ...nowhere }} }}"
    status, answer = asks(webserver, role, query)
    row = table().mutations[mutation]
    if row.who == "everyone" or (row.who == "operators" and role == "operators"):
        assert status == 400, "the schema has no such fragment"
        assert "refused" not in told(answer)
    else:
        assert status == 403
        assert (row.why or "operators alone may") in told(answer)


def literal(type_: Any) -> str:
    """Something of a type, with what it requires and nothing else."""
    if is_list_type(get_nullable_type(type_)):
        return "[]"
    named = get_named_type(type_)
    if is_input_object_type(named):
        fields = {name: field for name, field in named.fields.items() if is_required_input_field(field)}
        said = {
            name: '"dataops_assets"' if name == "repositoryLocationName" else literal(field.type)
            for name, field in fields.items()
        }
        return "{" + ", ".join(f"{name}: {value}" for name, value in said.items()) + "}"
    if is_enum_type(named):
        return str(next(iter(named.values)))
    return {"Int": "1", "Float": "1.0", "Boolean": "true"}.get(named.name, '"x"')


def in_query(query: str) -> dict[str, str]:
    return {"query": query}


INLINE = 'mutation { deleteRun(runId: "%s") { __typename } }'


@pytest.mark.parametrize(
    "way",
    [
        {"method": "GET", "url": "/graphql"},
        {"method": "GET", "url": "/graphql%0A"},
        {"method": "POST", "url": "/graphql", "headers": {"Content-Type": "text/plain"}},
    ],
)
def test_without_the_guard_a_link_deletes(webserver: Console, run: str, way: dict[str, Any]):
    """What these ways are closed for: they need no more than somebody who follows a link, or opens a page from elsewhere."""
    TestClient(webserver.bare).request(**way, params=in_query(INLINE % run))
    assert webserver.instance.get_run_by_id(run) is None


@pytest.mark.parametrize("role", ["viewers", "operators"])
def test_no_way_of_asking_gets_around_the_guard(webserver: Console, role: str, run: str):
    client = webserver.of(role)
    query = INLINE % run
    two = {"query": query, "variables": {}}
    as_json = {"Content-Type": "application/json"}
    answers = {
        "a link": client.get("/graphql", params=in_query(query)),
        "a link with a line feed": client.get("/graphql%0A", params=in_query(query)),
        "HEAD": client.head("/graphql", params=in_query(query)),
        "a form from elsewhere": client.post(
            "/graphql", params=in_query(query), content="", headers={"Content-Type": "text/plain"}
        ),
        "a document as it is": client.post("/graphql", content=query, headers={"Content-Type": "application/graphql"}),
        "both types": client.post("/graphql", json=two, headers={"Content-Type": "text/plain; application/json"}),
        "a line feed": client.post("/graphql%0A", json=two),
        "another case": client.post("/GraphQL", json=two),
        "a slash": client.post("/graphql/", json=two),
        "two slashes": client.post("//graphql", json=two),
        "a letter by its number": client.post("/%67raphql", json=two),
        "a batch": client.post("/graphql", json=[two, two]),
        "the same key twice": client.post(
            "/graphql", content=f'{{"query": "{{version}}", "query": {json.dumps(query)}}}', headers=as_json
        ),
        "UTF-16": client.post("/graphql", content=json.dumps(two).encode("utf-16"), headers=as_json),
        "a harmless operation named": client.post(
            "/graphql", json={"query": f"query Read {{ version }} {query}", "operationName": "Read"}
        ),
        "the other one named": client.post(
            "/graphql",
            json={"query": f"query Read {{ version }} {query.replace('mutation', 'mutation X')}", "operationName": "X"},
        ),
        "harmless in the body, not in the link": client.post("/graphql", params=in_query(query), json={"query": "{ version }"}),
        "kept elsewhere": client.post(
            "/graphql", json={"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
        ),
        "variables as text": client.post("/graphql", json={"query": DELETE, "variables": json.dumps({"id": run})}),
        "without a right to": client.post("/graphql", json={"query": DELETE, "variables": {"id": run}}),
    }
    assert webserver.instance.get_run_by_id(run), [(way, answer.status_code) for way, answer in answers.items()]
    passed = {way for way, answer in answers.items() if answer.status_code < 300}
    assert passed == {"harmless in the body, not in the link"}
    assert answers["harmless in the body, not in the link"].json() == {"data": {"version": dg.__version__}}
    assert told(answers["without a right to"].json()).startswith(f"refused, and nothing was done: deleteRun: {REASON} → ")


@pytest.mark.parametrize("role", ["viewers", "operators"])
@pytest.mark.parametrize("what", ["materialization", "check", "observation"])
def test_nobody_says_what_was_not_made(webserver: Console, role: str, what: str):
    before = webserver.instance.event_log_storage.get_maximum_record_id()
    for key in ("staged/stations", "graphql"):
        body = {"query": "{ version }", "passed": True, "check_name": "content"}
        assert webserver.of(role).post(f"/report_asset_{what}/{key}", json=body).status_code == 403
    assert webserver.instance.event_log_storage.get_maximum_record_id() == before


def test_all_of_a_document_is_refused_where_a_part_is(webserver: Console, run: str, caplog: pytest.LogCaptureFixture):
    query = f'mutation {{ a: terminateRun(runId: "{run}") {{ __typename }} b: deleteRun(runId: "{run}") {{ __typename }} }}'
    with caplog.at_level(logging.INFO, "dataops.access"):
        status, answer = asks(webserver, "operators", query)
    assert (status, answer["data"]) == (403, None)
    assert [getattr(record, "refused", "") for record in caplog.records] == ["another part of the document is refused", REASON]


def test_what_somebody_sends_makes_no_line_of_its_own_in_the_log(webserver: Console, caplog: pytest.LogCaptureFixture):
    forged = launch(executionMetadata={"tags": [{"key": "x\nallowed 'eve@example.com'", "value": ""}]}, stepKeys=["a\nb"])
    forged["p"]["selector"] |= {"pipelineName": "job\nallowed 'eve@example.com'"}
    with caplog.at_level(logging.INFO, "dataops.access"):
        assert asks(webserver, "operators", LAUNCH, forged)[0] == 403
    [line] = [record.getMessage() for record in caplog.records]
    assert line.isprintable()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed_in("ana", "operators", secret="another secret of 32 characters or so"),
        signed_in("", "operators"),
        signed_in("ana\nallowed 'eve'", "operators"),
        signed_in("ana"),
        signed_in("ana", "administrators"),
        {"X-Forwarded-Groups": "operators"},
        {"Authorization": "Basic %%%", "X-Forwarded-Groups": "operators"},
        {"Authorization": "Bearer " + signed_in("ana")["Authorization"].split()[1], "X-Forwarded-Groups": "operators"},
    ],
)
def test_whoever_comes_past_the_proxy_is_nobody(webserver: Console, headers: dict[str, str]):
    client = webserver.of()
    client.headers.clear()
    client.headers.update(headers)
    for path in ("/", "/graphql", "/favicon.png", "/logs/x.err"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "come by the address at which people sign in" in answer.text
    assert client.post("/graphql", json={"query": "{ version }"}).status_code == 401
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/graphql"):
        pass
    assert closed.value.code == 1008


def test_groups_that_come_twice_are_nobody_s(webserver: Console):
    client = webserver.of()
    headers = [*signed_in("ana", "viewers").items(), ("X-Forwarded-Groups", "operators")]
    assert client.get("/server_info", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_a_short_secret_is_none(webserver: Console):
    with pytest.raises(ValueError, match="less than 32"):
        guarded(webserver.app, schema(), table(), "secret")


def test_subscriptions_go_on(webserver: Console, run: str):
    with webserver.of("viewers").websocket_connect("/graphql", subprotocols=["graphql-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        query = "subscription Logs($id: ID!) { pipelineRunLogs(runId: $id) { __typename } }"
        socket.send_json({"type": "start", "id": "1", "payload": {"query": query, "variables": {"id": run}}})
        answer = socket.receive_json()
        assert (answer["type"], answer["id"]) == ("data", "1")
        assert answer["payload"]["data"]["pipelineRunLogs"]["__typename"] == "PipelineRunLogsSubscriptionSuccess"


@pytest.mark.parametrize("role", ["viewers", "operators"])
@pytest.mark.parametrize(
    "query",
    [
        INLINE,
        "query { version }",
        "subscription { locationStateChangeEvents { __typename } } " + INLINE,
        "mutation {",
    ],
)
def test_a_socket_takes_no_mutation(webserver: Console, run: str, role: str, query: str):
    with webserver.of(role).websocket_connect("/graphql", subprotocols=["graphql-ws"]) as socket:
        payload = {"query": query.replace("%s", run)}
        socket.send_json({"type": "start", "id": "1", "payload": payload})
        answer = socket.receive_json()
        assert (answer["type"], answer["id"]) == ("error", "1")
        socket.send_text("[]")
        assert "no object" in socket.receive_json()["payload"]["message"]
        socket.send_bytes(json.dumps({"type": "connection_init"}).encode())
        assert socket.receive_json() == {"type": "connection_ack"}, "it is still open"
    assert webserver.instance.get_run_by_id(run)


def declared(routes: list[BaseRoute]) -> Iterator[str]:
    """The paths of a webserver, but for static files."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield f"WEBSOCKET {route.path}"
        elif isinstance(route, Route | Mount) and not (route.name or "").endswith("_static"):
            yield from (f"{method} {route.path}" for method in (getattr(route, "methods", None) or {"ANY"}) - {"HEAD"})


def test_every_path_of_the_webserver_stands_in_the_table(webserver: Console):
    assert sorted(declared(webserver.app.routes)) == sorted(table().paths)


def test_below_a_prefix_it_is_the_same(tmp_path_factory: pytest.TempPathFactory):
    with console(tmp_path_factory.mktemp("prefixed"), "/dagster") as below:
        client = below.of("viewers")
        assert client.post("/dagster/graphql", json={"query": "{ version }"}).json()["data"]["version"] == dg.__version__
        assert client.post("/dagster/graphql", json={"query": INLINE % "1"}).status_code == 403
        assert client.get("/dagster/graphql", params=in_query("{ version }")).status_code == 403
        client.headers.clear()
        assert client.get("/dagster/favicon.png").status_code == 401
        assert SECRET not in client.get("/dagster/graphql").text
