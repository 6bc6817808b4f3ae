"""How AWS, and whoever speaks like it, is asked: clients, whose credentials they hold, and what to make of an answer.

Not here: objects (`s3`), and what is asked of a bucket as such (`bucket`).
"""

import errno
import re
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ParamValidationError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from dataops_assets.storage.errors import BadRequest, Closed, Damaged, NotSignedIn, Unreachable
from dataops_assets.storage.store import jitter_seconds

ATTEMPTS = 8
_ABSENT = ("404", "NoSuchKey", "NotFound", "NoSuchUpload", "NoSuchVersion")
_DENIED = ("403", "AccessDenied")
_UNCLEAR = "400"
"""Of a HEAD, which has no room to say more: that the request came too slowly; or, if it stays, that the token is not known."""
_UNCLEAR_ATTEMPTS = 4
_NOT_SIGNED_IN = (
    _UNCLEAR,
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
)
_READING = ("Get", "Head", "List")
_LOST = ("412", "PreconditionFailed")
_AGAIN = (
    "408",
    "409",
    "ConditionalRequestConflict",
    "OperationAborted",
    "429",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "BadDigest",  # the bytes changed on their way
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
    "InternalError",
    "ServiceUnavailable",
)
_SERVER_ERROR = 500
_NO_ANSWER = (
    HTTPClientError,
    NoConnection,
    IncompleteReadError,
    ResponseParserError,
    CredentialRetrievalError,  # they are fetched anew when they are about to end
    MetadataRetrievalError,
)
Answer = TypeVar("Answer")


def ask(
    place: str,
    request: Callable[[], Answer],
    absent: Callable[[], Answer] | None = None,
    lost: Callable[[], Answer] | None = None,
) -> Answer:
    """Make a request until there is an answer, a few times at most.

    Args:
        place: The address that it is about, for messages.
        request: The request.
        absent: What to do if something is not there.
        lost: What to do if it is not as the request's condition says.

    Raises:
        Closed: The answer to a request to read is no.
        PermissionError: The answer to any other is no.
        NotSignedIn: The answer is that nobody is known to ask.
        BadRequest: The answer is that this cannot be done.
        Damaged: The bytes were not those that were written, however often they were asked for.
        Unreachable: There was no answer that says anything.
    """
    said = ""
    damaged: Damaged | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(jitter_seconds(attempt))
        try:
            return request()
        except ClientError as error:
            code, said = error.response["Error"]["Code"], str(error)
            if absent and code in _ABSENT:
                return absent()
            if lost and code in _LOST:
                return lost()
            if code == _UNCLEAR and attempt + 1 < _UNCLEAR_ATTEMPTS:
                continue
            if code in (*_DENIED, *_NOT_SIGNED_IN):
                raise _denial(error, place) from error
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < _SERVER_ERROR and code not in _AGAIN:
                raise BadRequest(errno.EINVAL, said, place) from error
        except _NO_ANSWER as error:
            said = str(error)
        except (FlexibleChecksumError, Damaged) as error:
            damaged = error if isinstance(error, Damaged) else Damaged(place, str(error))
        except ParamValidationError:
            raise  # ours
        except BotoCoreError as error:  # no credentials, no such profile
            raise NotSignedIn(errno.EACCES, str(error), place) from error
    raise damaged or Unreachable(errno.EIO, f"{said} ({ATTEMPTS} attempts)", place)


def _denial(error: ClientError, place: str) -> PermissionError:
    code, told = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in _NOT_SIGNED_IN:
        return NotSignedIn(errno.EACCES, f"{code}: {told}", place)
    if error.operation_name == "HeadObject":  # its answer has no room to say so
        told += ", s3:GetObject is not allowed"
    kind = Closed if error.operation_name.startswith(_READING) else PermissionError
    return kind(errno.EACCES, f"{code}: {told}", place)


def caller() -> str:
    """The role or user whose credentials these are, by its ARN; of an assumed role, that of the role.

    Raises:
        PermissionError: There are no credentials, or AWS does not know them.
    """
    try:
        arn: str = _client("sts", Config(connect_timeout=5, read_timeout=10)).get_caller_identity()["Arn"]
    except (ClientError, BotoCoreError) as error:
        raise NotSignedIn(errno.EACCES, f"who this is cannot be told: {error}", "the credentials of AWS") from error
    # arn:aws:sts::<account>:assumed-role/<role>/<session>; the path of a role is not told.
    assumed = re.fullmatch(r"arn:([^:]+):sts::([0-9]+):assumed-role/([^/]+)/.+", arn)
    return f"arn:{assumed[1]}:iam::{assumed[2]}:role/{assumed[3]}" if assumed else arn


def _client(service: Literal["s3", "sts"], config: Config) -> Any:
    try:
        return boto3.client(service, config=config)
    except (BotoCoreError, ValueError) as error:  # no such profile, no address of a server
        raise NotSignedIn(errno.EACCES, str(error), "the settings of AWS") from error


def new_client() -> Any:
    """A client from the environment: it leaves asking again to `ask`, which lets the caller say what a lost answer may mean."""
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        max_pool_connections=32,
        user_agent_extra="dataops",
    )
    client = _client("s3", config)
    if "amazonaws.com" in client.meta.endpoint_url:
        return client
    # The address of another store says nothing of buckets: theirs come after it.
    return _client("s3", config.merge(Config(s3={"addressing_style": "path"})))
