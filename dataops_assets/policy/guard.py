"""The Dagster webserver behind a guard: each request is a person's, and asks for nothing that the table does not let them.

It stands around the endpoint of each path, behind the webserver's own choice of one: so a path cannot mean something else here
than there. A document is not passed on as it came but as it was read: JSON in a POST, without a query string. Else it might be
another to whoever executes it.

Who a person is says the proxy at which people sign in, as oauth2-proxy does with `--pass-basic-auth`: HTTP's Basic credentials
of the person's name and the secret that proxy and guard share, and the groups in `X-Forwarded-Groups`. Nobody else knows the
secret, so whoever comes past the proxy is nobody.

Not here: what may be asked for (`webserver`), and the proxy.
"""

import base64
import binascii
import hmac
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from dataops_assets.contract.errors import Mistake
from dataops_assets.policy.webserver import Role, Row, Table, asked, only_subscribes, why_not

_log = logging.getLogger("dataops.access")
_GRAPHQL = "/graphql"
_LARGEST_BYTES = 8 << 20
_LONGEST_REASON = 300
_POLICY_VIOLATION = 1008
_STATIC = "_static"
_COME_BY_THE_PROXY = "come by the address at which people sign in"
_WITH_OTHERS = "another part of the document is refused"
_BY_GIT = "make a pull request, or ask an operator"


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in.

    Attributes:
        name: As the identity provider knows them.
        role: The one that may most of those that they have.
    """

    name: str
    role: Role


def guarded(app: Starlette, schema: GraphQLSchema, rules: Table, secret: str) -> Starlette:
    """Put the guard around every endpoint of a webserver.

    Args:
        app: The webserver, as `DagsterWebserver.create_asgi_app` makes it.
        schema: Its schema.
        rules: Who may ask for what.
        secret: What it shares with the proxy at which people sign in.

    Returns:
        The same webserver.

    Raises:
        ValueError: The secret is too short to be one.
    """
    if len(secret) < 32:
        raise ValueError("the secret shared with the proxy has less than 32 characters: take `openssl rand -hex 32`")
    _guard(app.routes, _Guard(schema, rules, secret))
    return app


def _guard(routes: Iterable[BaseRoute], guard: "_Guard") -> None:
    for route in routes:
        if isinstance(route, Mount) and route.routes:
            _guard(route.routes, guard)
        elif isinstance(route, Mount | Route | WebSocketRoute):
            route.app = guard.around(route.app, route.path, static=(route.name or "").endswith(_STATIC))
        else:
            raise TypeError(f"{route!r} is no route that can be guarded")


@dataclass(frozen=True)
class _Guard:
    schema: GraphQLSchema
    rules: Table
    secret: str

    def around(self, app: ASGIApp, path: str, *, static: bool) -> ASGIApp:
        async def guarded_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            who = self._person(Headers(scope=scope))
            if who is None:
                await _refuse(PlainTextResponse(f"nobody has signed in: {_COME_BY_THE_PROXY}", 401), scope, receive, send)
                return
            method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"].replace("HEAD", "GET")
            row = self.rules.paths.get(f"{method} {path}")
            if static and method == "GET":
                row = Row(who="everyone")
            if row is None or not row.lets(who.role):
                why = (row and row.why) or "it does not stand in the table"
                _told(who, f"{method} {path}", why, "")
                await _refuse(PlainTextResponse(f"refused: {why}", 403), scope, receive, send)
            elif method == "WEBSOCKET":
                await app(scope, _Subscribing(who, receive, send).receive, send)
            elif method == "POST":
                await self._judged(app, who, scope, receive, send)
            else:
                await app(scope, receive, send)

        return guarded_endpoint

    def _person(self, headers: Headers) -> Person | None:
        """Who asks, if the proxy says so, and they have a role."""
        scheme, _, credentials = _only(headers, "authorization").partition(" ")
        try:
            name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if (
            scheme.lower() != "basic"
            or not (name and name.isprintable())
            or not hmac.compare_digest(secret.encode(), self.secret.encode())
        ):
            return None
        groups = {group.strip() for group in _only(headers, "x-forwarded-groups").split(",")}
        roles = [role for role in self.rules.roles if role in groups]
        return Person(name, roles[-1]) if roles else None

    async def _judged(self, app: ASGIApp, who: Person, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            document = await _document(Request(scope, receive))
            found = asked(document["query"], document["variables"] or {}, self.schema)
        except Mistake as mistake:
            _told(who, "a document", mistake.message, "")
            await _graphql_error(mistake.message, mistake.remedy, 400)(scope, receive, send)
            return
        why = [why_not(self.rules, who.role, one) for one in found]
        refused = [f"{one.mutation}: {reason}" for one, reason in zip(found, why, strict=True) if reason]
        for one, reason in zip(found, why, strict=True):
            _told(who, one.mutation, reason or (_WITH_OTHERS if refused else None), one.about)
        if refused:
            told = "; ".join(dict.fromkeys(refused))
            await _graphql_error(f"refused, and nothing was done: {told}", _BY_GIT, 403)(scope, receive, send)
            return
        body = json.dumps(document).encode()
        await app(_as_read(scope, body), _receive_once(body, receive), send)


async def _document(request: Request) -> dict[str, Any]:
    """The one document of a request, in the form in which it is passed on."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Mistake("the request is no JSON", "send `Content-Type: application/json`")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BYTES:
            raise Mistake(f"the request has more than {_LARGEST_BYTES >> 20} MiB", "ask for less at once")
    return _as_document(_json(body), "operationName")


def _json(text: bytes | bytearray | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Mistake("the request is no JSON", "send one GraphQL document as JSON") from error


def _as_document(said: Any, name_of_operation: str) -> dict[str, Any]:
    if not isinstance(said, dict) or not isinstance(said.get("query"), str):
        raise Mistake("the request has no document", "send one at a time, and in full: {query, variables, operationName}")
    variables, name = said.get("variables"), said.get(name_of_operation)
    variables = _json(variables) if isinstance(variables, str) else variables
    if not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise Mistake("variables are no object, or the operation's name no text", "send {query, variables, operationName}")
    return {"query": said["query"], "variables": variables, name_of_operation: name}


def _as_read(scope: Scope, body: bytes) -> Scope:
    """The request around a body that was made anew."""
    about_body = (b"content-type", b"content-length", b"transfer-encoding", b"content-encoding")
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in about_body]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": headers, "query_string": b""}


def _receive_once(body: bytes, rest: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await rest()

    return receive


class _Subscribing:
    """What comes over a socket, without what is no subscription.

    The protocol is `graphql-ws` of subscriptions-transport-ws, which is Dagster's.
    """

    def __init__(self, who: Person, receive: Receive, send: Send):
        self._who, self._receive, self._send = who, receive, send

    async def receive(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return message
            said: Any = None
            try:
                said = _json(message.get("text") or message.get("bytes") or b"")
                return {"type": "websocket.receive", "text": json.dumps(_read_message(said))}
            except Mistake as mistake:
                _told(self._who, "a message to a socket", mistake.message, "")
                await self._answer(said, mistake)

    async def _answer(self, said: Any, mistake: Mistake) -> None:
        told = {"message": f"{mistake.message}: {mistake.remedy}"}
        answer = {"type": "error", "id": said.get("id") if isinstance(said, dict) else None, "payload": told}
        await self._send({"type": "websocket.send", "text": json.dumps(answer)})


def _read_message(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise Mistake("the message is no object", "speak the protocol graphql-ws")
    if said.get("type") != "start":
        return said
    payload = _as_document(said.get("payload"), "operation_name")
    if not only_subscribes(payload["query"]):
        raise Mistake("refused, and nothing was done: a socket carries subscriptions alone", "send the rest by POST")
    return {"type": "start", "id": said.get("id"), "payload": payload}


def _only(headers: Headers, name: str) -> str:
    """The value of a header that comes once; of one that comes twice, nobody knows which is the proxy's."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""


def _told(who: Person, what: str, why: str | None, about: str) -> None:
    """One line for each thing that a person asks for, but for reading."""
    reason = "".join(letter if letter.isprintable() else "?" for letter in why or "")[:_LONGEST_REASON]  # it quotes who asks
    told = {"event": "access", "person": who.name, "role": who.role, "asked": what, "about": about, "refused": reason}
    _log.log(
        logging.WARNING if why else logging.INFO,
        "%s %r (%s): %s%s%s",
        "refused" if why else "allowed",
        who.name,
        who.role,
        what,
        f" of {about!r}" if about else "",
        f": {reason}" if why else "",
        extra=told,
    )


def _graphql_error(message: str, remedy: str, status: int) -> Response:
    error = {"message": f"{message} → {remedy}", "extensions": {"code": "FORBIDDEN" if status == 403 else "BAD_REQUEST"}}
    return JSONResponse({"data": None, "errors": [error]}, status)


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(_POLICY_VIOLATION)
    else:
        await response(scope, receive, send)
