"""The proxy changes nothing unless it is told to, and each fault does to a client of S3 what it says."""

import io
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from dataops_assets_tests import fault_proxy
from dataops_assets_tests.fault_proxy import (
    ACCESS_DENIED,
    CONFLICT,
    EXPIRED_TOKEN,
    PRECONDITION_FAILED,
    SLOW_DOWN,
    TOO_MANY_REQUESTS,
    Delay,
    Duplicate,
    Exchange,
    Fault,
    FaultProxy,
    Refuse,
    Request,
    drop_answer,
    flip_byte,
    forward,
    reset,
    truncate_answer,
    truncate_body,
)
from dataops_assets_tests.s3_server import ONCE, Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT = b"0123456789"


@contextmanager
def hit_by(fault: Fault, bucket: Bucket, **config: object) -> Iterator["S3Client"]:
    """A client all of whose requests meet with one fault."""
    with FaultProxy(bucket.endpoint, lambda request: fault) as proxy:
        yield bucket.behind(proxy.endpoint).client(retries=ONCE, **config)


def stored(bucket: Bucket) -> list[bytes]:
    """What the server holds, in every version: asked of it without a proxy."""
    s3 = bucket.client()
    versions = s3.list_object_versions(Bucket=bucket.name).get("Versions", [])
    return [
        s3.get_object(Bucket=bucket.name, Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        for version in versions
    ]


# moto does not look at signatures, so only the other server proves that what is signed arrives as it was.
@pytest.mark.parametrize("_server", ["moto", pytest.param("enforcing", marks=pytest.mark.s3)])
def test_without_a_fault_a_client_notices_nothing(bucket: Bucket, _server: str) -> None:
    key, large = "a/b c+ü=1", random.Random(1).randbytes(20 << 20)
    with FaultProxy(bucket.endpoint, lambda request: forward) as proxy:
        s3 = bucket.behind(proxy.endpoint).client(retries=ONCE)
        s3.put_object(Bucket=bucket.name, Key=key, Body=CONTENT, Metadata={"commit": "1"})
        assert s3.head_object(Bucket=bucket.name, Key=key)["Metadata"] == {"commit": "1"}
        assert s3.get_object(Bucket=bucket.name, Key=key, Range="bytes=2-4")["Body"].read() == b"234"
        assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket.name, Prefix="a/b ")["Contents"]] == [key]
        s3.upload_fileobj(io.BytesIO(large), bucket.name, "large")  # in parts, several at once
        assert s3.get_object(Bucket=bucket.name, Key="large")["Body"].read() == large
        s3.put_object(Bucket=bucket.name, Key="empty", Body=io.BytesIO())
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=bucket.name, Key="nothing")
        s3.delete_object(Bucket=bucket.name, Key=key)
    assert sorted(stored(bucket)) == sorted([CONTENT, large, b""])
    seen = [request for request, _ in proxy.seen]
    assert [request.number for request in seen] == list(range(1, len(seen) + 1))
    assert (seen[0].method, seen[0].path, seen[0].headers["x-amz-meta-commit"]) == ("PUT", f"/{bucket.name}/{key}", "1")
    assert (seen[3].method, seen[3].query["prefix"]) == ("GET", "a/b ")
    assert sum("uploads" in request.query for request in seen) == 1


def test_what_a_client_sends_arrives_byte_for_byte() -> None:
    """Two requests over one connection, the first of them in chunks of HTTP around chunks of S3, with a trailer."""
    first = (
        b"PUT /b/k?x=%20 HTTP/1.1\r\nHost: signed.example:9\r\nX-Amz-Meta-A: 1\r\nExpect: 100-continue\r\n"
        b"Content-Encoding: aws-chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"9\r\n4\r\nabcd\r\n\r\nA;x=y\r\n0\r\nt:1\r\n\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    second = b"PUT /b/k HTTP/1.1\r\nhost: b\r\nContent-Length: 3\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nabc"
    answer = b"HTTP/1.1 200 Fine\r\nX-Twice: 1\r\nX-Twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for expected in (first, second):
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as stream:
                    received.append(stream.read(len(expected)))
                    connection.sendall(answer)

        server = Thread(target=serve)
        server.start()
        with (
            FaultProxy("http://127.0.0.1:{1}".format(*listener.getsockname()), lambda request: forward) as proxy,
            socket.create_connection(("127.0.0.1", proxy.server_port)) as client,
            client.makefile("rb") as stream,
        ):
            client.sendall(first)
            assert stream.read(25 + len(answer)) == b"HTTP/1.1 100 Continue\r\n\r\n" + answer
            client.sendall(second)
            assert stream.read(len(answer)) == answer
        server.join()
    assert received == [first, second]


@pytest.mark.parametrize("sent", [bytes, io.BytesIO], ids=["at once", "after 100 Continue"])
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (CONFLICT, 409, "ConditionalRequestConflict"),
        (PRECONDITION_FAILED, 412, "PreconditionFailed"),
        (SLOW_DOWN, 503, "SlowDown"),
        (TOO_MANY_REQUESTS, 429, "TooManyRequests"),
        (ACCESS_DENIED, 403, "AccessDenied"),
        (EXPIRED_TOKEN, 400, "ExpiredToken"),
    ],
)
def test_what_is_refused_reaches_no_server_and_what_follows_does(
    bucket: Bucket, fault: Refuse, status: int, code: str, sent: type[bytes] | type[io.BytesIO]
) -> None:
    with FaultProxy(bucket.endpoint, lambda request: fault if request.number == 1 else forward) as proxy:
        s3 = bucket.behind(proxy.endpoint).client(retries=ONCE, max_pool_connections=1)
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket.name, Key="k", Body=sent(CONTENT))
        assert stored(bucket) == []
        s3.put_object(Bucket=bucket.name, Key="k", Body=b"next")
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert stored(bucket) == [b"next"]


def test_a_dropped_answer_is_of_a_request_that_was_carried_out(bucket: Bucket) -> None:
    with hit_by(drop_answer, bucket) as s3:
        with pytest.raises(ConnectionClosedError):
            s3.put_object(Bucket=bucket.name, Key="k", Body=io.BytesIO(CONTENT))
        assert stored(bucket) == [CONTENT]


def test_a_client_that_retries_meets_the_next_choice(bucket: Bucket) -> None:
    with FaultProxy(bucket.endpoint, lambda request: drop_answer if request.number == 1 else forward) as proxy:
        s3 = bucket.behind(proxy.endpoint).client(retries={"total_max_attempts": 2})
        with pytest.raises(ClientError, match="PreconditionFailed"):  # its own object is in its way
            s3.put_object(Bucket=bucket.name, Key="k", Body=CONTENT, IfNoneMatch="*")
    assert [fault for _, fault in proxy.seen] == [drop_answer, forward]
    assert stored(bucket) == [CONTENT]


@pytest.mark.parametrize("fault", [reset, drop_answer])
def test_a_reset_and_an_end_are_told_apart(bucket: Bucket, fault: Fault) -> None:
    with FaultProxy(bucket.endpoint, lambda request: fault) as proxy:
        connection = HTTPConnection(urlsplit(proxy.endpoint).netloc)
        connection.request("GET", "/")
        with pytest.raises(ConnectionResetError) as error:  # RemoteDisconnected, the end, is one of them
            connection.getresponse()
        connection.close()
    assert (error.type is ConnectionResetError) == (fault is reset)


def test_a_reset_reaches_no_server(bucket: Bucket) -> None:
    with hit_by(reset, bucket) as s3, pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=bucket.name, Key="k", Body=io.BytesIO(CONTENT))
    assert stored(bucket) == []


def test_a_duplicate_is_carried_out_twice(bucket: Bucket) -> None:
    with hit_by(Duplicate(tell=1), bucket) as s3:
        s3.put_object(Bucket=bucket.name, Key="k", Body=io.BytesIO(CONTENT))
    assert stored(bucket) == [CONTENT, CONTENT]


def test_of_a_duplicate_either_answer_can_be_told(bucket: Bucket) -> None:
    with hit_by(Duplicate(tell=1), bucket) as s3:
        s3.put_object(Bucket=bucket.name, Key="first", Body=CONTENT, IfNoneMatch="*")
    with hit_by(Duplicate(tell=2), bucket) as s3, pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket.name, Key="second", Body=CONTENT, IfNoneMatch="*")
    assert stored(bucket) == [CONTENT, CONTENT]


@pytest.mark.parametrize(
    ("fault", "passes"),
    [(Delay(before=9), [(9, []), (0, [CONTENT])]), (Delay(after=9), [(0, []), (9, [CONTENT])])],
    ids=["before", "after"],
)
def test_what_is_delayed_arrives_though_the_client_has_left(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, fault: Delay, passes: list[tuple[float, list[bytes]]]
) -> None:
    left, passed = Event(), []

    def sleep(seconds: float) -> None:
        passed.append((seconds, stored(bucket)))
        if seconds:
            left.wait()

    monkeypatch.setattr(fault_proxy, "sleep", sleep)
    with hit_by(fault, bucket, read_timeout=0.2) as s3:
        try:
            with pytest.raises(ReadTimeoutError):
                s3.put_object(Bucket=bucket.name, Key="k", Body=CONTENT)
        finally:
            left.set()
    assert passed == passes
    assert stored(bucket) == [CONTENT]


def test_of_a_truncated_answer_half_arrives_and_all_is_promised(bucket: Bucket) -> None:
    bucket.client().put_object(Bucket=bucket.name, Key="k", Body=CONTENT)
    with hit_by(truncate_answer, bucket) as s3:
        answer = s3.get_object(Bucket=bucket.name, Key="k")
        assert answer["ContentLength"] == len(CONTENT)
        with pytest.raises(ResponseStreamingError, match="5 bytes read, 5 more expected"):
            answer["Body"].read()


def test_a_flipped_byte_is_found_by_a_checksum_alone(bucket: Bucket) -> None:
    bucket.client().put_object(Bucket=bucket.name, Key="k", Body=CONTENT)
    with hit_by(flip_byte, bucket, response_checksum_validation="when_required") as s3:
        assert s3.get_object(Bucket=bucket.name, Key="k")["Body"].read() == b"01234\xca6789"
    with hit_by(flip_byte, bucket) as s3, pytest.raises(FlexibleChecksumError):
        s3.get_object(Bucket=bucket.name, Key="k")["Body"].read()


@pytest.mark.parametrize("_server", ["moto", pytest.param("enforcing", marks=pytest.mark.s3)])
def test_half_a_body_is_no_object(bucket: Bucket, _server: str) -> None:
    with hit_by(truncate_body, bucket) as s3, pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=bucket.name, Key="k", Body=io.BytesIO(CONTENT))
    assert stored(bucket) == []


def test_a_fault_of_a_test_s_own(bucket: Bucket) -> None:
    """The server gets another body than the client has sent."""

    def other_body(exchange: Exchange) -> None:
        exchange.answer(exchange.ask([bytes(reversed(b"".join(exchange.body)))]))

    with hit_by(other_body, bucket, request_checksum_calculation="when_required") as s3:
        s3.put_object(Bucket=bucket.name, Key="k", Body=CONTENT)
    assert stored(bucket) == [b"9876543210"]


def test_what_cannot_be_damaged_fails_the_test(bucket: Bucket) -> None:
    bucket.client().put_object(Bucket=bucket.name, Key="k", Body=b"")
    with pytest.raises(ValueError, match="no content"), hit_by(flip_byte, bucket) as s3, pytest.raises(ConnectionClosedError):
        s3.get_object(Bucket=bucket.name, Key="k")


def test_a_choice_that_fails_fails_the_test(bucket: Bucket) -> None:
    def choose(request: Request) -> Fault:
        raise LookupError(request.path)

    with (
        pytest.raises(LookupError, match=bucket.name),
        FaultProxy(bucket.endpoint, choose) as proxy,
        pytest.raises(ConnectionClosedError),
    ):
        bucket.behind(proxy.endpoint).client(retries=ONCE).list_objects_v2(Bucket=bucket.name)
