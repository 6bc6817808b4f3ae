"""A proxy before an S3 server that does to each request what a test says, for a network and a store as bad as they can be.

Here: the proxy and the faults. Not here: which fault comes when. A test says so by a function that is asked for one request
after the other, and so may count:

    def choose(request: Request) -> Fault:
        return drop_answer if request.method == "PUT" and request.number == 3 else forward

    with FaultProxy(bucket.endpoint, choose) as proxy:
        s3 = bucket.behind(proxy.endpoint).client(retries=ONCE)
        ...
    assert [request.path for request, fault in proxy.seen if fault is drop_answer] == [...]

A fault is a function of an `Exchange`, so a test can write one of its own. Leaving the `with` cuts the clients off, waits for
what is still on its way to the server, and raises what went wrong in the proxy itself.
"""

import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import Message
from http.client import HTTPConnection, HTTPException, responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import sleep
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

PIECE = 1 << 16
PATIENCE = 60
"""Seconds until a server that says nothing fails the test, which would hang otherwise."""


@dataclass(frozen=True)
class Request:
    """What a test decides by. Numbers count from 1; a header is found whatever the case of its name."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Message


@dataclass(frozen=True)
class Answer:
    """What a client is told. The body of the server's answer is read when it is asked for, and once."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


class Exchange(BaseHTTPRequestHandler):
    """A request, and what can be done about it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a head and its body wait 40 ms for each other
    server: "FaultProxy"
    body: Iterator[bytes]
    """The body of the request as it comes, read once. A chunked one keeps its frames, so that it can go on as it is."""

    def ask(self, body: Iterable[bytes] | None = None) -> Answer:
        """Send the request to the server, with another body if one is given, and begin to read the answer."""
        answer = self.send(self.body if body is None else body).getresponse()
        return Answer(answer.status, answer.reason, answer.getheaders(), iter(lambda: answer.read(PIECE), b""))

    def send(self, body: Iterable[bytes]) -> HTTPConnection:
        """Send the request to the server, with its headers as they came: they are signed, Host among them."""
        connection = HTTPConnection(self.server.upstream, timeout=PATIENCE)
        self._connections.append(connection)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        for piece in body:
            try:
                connection.send(piece)
            except (BrokenPipeError, ConnectionResetError):  # a server may answer before it has seen all, and listen no more
                break
        return connection

    def answer(self, answer: Answer) -> None:
        """Tell the client."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        chunked = "transfer-encoding" in {name.lower() for name, _ in answer.headers}
        for piece in answer.body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def close(self) -> None:
        """End the connection after this exchange, whatever the client was told."""
        self.close_connection = True

    def reset(self) -> None:
        """Break the connection off at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # http.server would say goodbye before it closes
        self.body = iter(())
        self.close()

    def _exchange(self) -> None:
        self._connections: list[HTTPConnection] = []
        self.body = (
            self._chunks() if self.headers.get("Transfer-Encoding") else self._read(int(self.headers.get("Content-Length", 0)))
        )
        try:
            self.server.fault_of(self)(self)
            for _ in self.body:  # what a fault did not read would be taken for the next request
                pass
        except TimeoutError as silence:  # http.server would take it for the client's
            raise RuntimeError(f"no answer to {self.requestline} in {PATIENCE} seconds") from silence
        finally:
            for connection in self._connections:
                connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _exchange

    def _chunks(self) -> Iterator[bytes]:
        size = 1
        while size:
            yield (line := self._line())
            size = int(line.split(b";")[0], 16)
            if size:
                yield from self._read(size + len(b"\r\n"))
        while (line := self._line()) != b"\r\n":
            yield line
        yield line

    def _line(self) -> bytes:
        line = self.rfile.readline(PIECE)
        if not line.endswith(b"\n"):
            raise ConnectionError("the client left in the middle of a body")
        return line

    def _read(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, PIECE))
            if not piece:
                raise ConnectionError("the client left in the middle of a body")
            size -= len(piece)
            yield piece

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what was asked is in `FaultProxy.seen`."""


Fault = Callable[[Exchange], None]


def forward(exchange: Exchange) -> None:
    """No fault."""
    exchange.answer(exchange.ask())


def drop_answer(exchange: Exchange) -> None:
    """The server does it, and the client hears nothing of it."""
    list(exchange.ask().body)
    exchange.close()


def reset(exchange: Exchange) -> None:
    """The connection is reset before the server hears of the request."""
    exchange.reset()


@dataclass(frozen=True)
class Refuse:
    """The client is told an error of S3, and the server hears nothing."""

    status: int
    code: str

    def __call__(self, exchange: Exchange) -> None:
        error = f"<Error><Code>{self.code}</Code><Message>said by the proxy</Message><RequestId>0</RequestId></Error>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        exchange.answer(Answer(self.status, responses[self.status], headers, [body]))


CONFLICT = Refuse(409, "ConditionalRequestConflict")
PRECONDITION_FAILED = Refuse(412, "PreconditionFailed")
SLOW_DOWN = Refuse(503, "SlowDown")
TOO_MANY_REQUESTS = Refuse(429, "TooManyRequests")
ACCESS_DENIED = Refuse(403, "AccessDenied")
EXPIRED_TOKEN = Refuse(400, "ExpiredToken")


@dataclass(frozen=True)
class Duplicate:
    """The server gets it twice, one after the other; the client is told the first answer or the second."""

    tell: int

    def __call__(self, exchange: Exchange) -> None:
        body = list(exchange.body)
        answers = [replace(answer, body=list(answer.body)) for answer in (exchange.ask(body), exchange.ask(body))]
        exchange.answer(answers[self.tell - 1])


@dataclass(frozen=True)
class Delay:
    """Seconds pass before the server gets it, or before the client is told. Who has left by then has sent it nevertheless."""

    before: float = 0
    after: float = 0

    def __call__(self, exchange: Exchange) -> None:
        body = list(exchange.body)
        sleep(self.before)
        answer = exchange.ask(body)
        answer = replace(answer, body=list(answer.body))
        sleep(self.after)
        exchange.answer(answer)


def truncate_answer(exchange: Exchange) -> None:
    """The connection ends after half of what `Content-Length` promises."""
    answer, content = _content(exchange)
    exchange.answer(replace(answer, body=[content[: len(content) // 2]]))
    exchange.close()


def flip_byte(exchange: Exchange) -> None:
    """The byte in the middle arrives with all its bits turned."""
    answer, content = _content(exchange)
    middle = len(content) // 2
    exchange.answer(replace(answer, body=[content[:middle], bytes([content[middle] ^ 0xFF]), content[middle + 1 :]]))


def _content(exchange: Exchange) -> tuple[Answer, bytes]:
    answer = exchange.ask()
    content = b"".join(answer.body)
    if not content or "content-length" not in {name.lower() for name, _ in answer.headers}:
        raise ValueError(f"the answer to {exchange.requestline} has no content of a known length that could be damaged")
    return answer, content


def truncate_body(exchange: Exchange) -> None:
    """The server gets half of the body and then the end of the connection, and the client hears nothing."""
    body = b"".join(exchange.body)
    connection = exchange.send([body[: len(body) // 2]])
    connection.sock.shutdown(socket.SHUT_WR)
    while connection.sock.recv(PIECE):  # until the server has made up its mind, so that a test can look at once
        pass
    exchange.close()


class FaultProxy(ThreadingHTTPServer):
    """Listens on a free port of the loopback for as long as its `with` lasts."""

    daemon_threads = False  # leaving waits for them
    request_queue_size = 128

    def __init__(self, endpoint: str, choose: Callable[[Request], Fault]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.upstream = urlsplit(endpoint).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.choose = choose
        self.seen: list[tuple[Request, Fault]] = []
        self._choosing = Lock()
        self._clients: set[socket.socket] = set()
        self._errors: list[BaseException] = []

    def fault_of(self, exchange: Exchange) -> Fault:
        """What the test wants to befall a request."""
        url = urlsplit(exchange.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        with self._choosing:
            request = Request(len(self.seen) + 1, exchange.command, unquote(url.path), query, exchange.headers)
            fault = self.choose(request)
            self.seen.append((request, fault))
            return fault

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error and not isinstance(error, ConnectionError | HTTPException):  # clients and servers may come and go
            self._errors.append(error)

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.shutdown()
        for client in list(self._clients):
            with suppress(OSError):  # it has just left by itself
                client.shutdown(socket.SHUT_RDWR)
        self.server_close()
        if self._errors:
            raise self._errors[0]
