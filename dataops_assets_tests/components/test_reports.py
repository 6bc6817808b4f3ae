"""What a step that fails tells Dagster: in words, and whether it is worth another try."""

import errno

import dagster as dg
import pytest

from dataops_assets.components.reports import retried_only_if_transient
from dataops_assets.storage.errors import BadRequest, Damaged, NotSignedIn, Unreachable
from dataops_assets.storage.publishing import Contended

OBJECT = "s3://lake/staged/a/data.parquet"


@pytest.mark.parametrize(
    ("error", "told", "again"),
    [
        (
            Unreachable(errno.EIO, "SlowDown (8 attempts)", OBJECT),
            f"{OBJECT}: SlowDown (8 attempts). `dataops doctor` tells",
            True,
        ),
        (Contended("staged/a was changed by others 10 times"), "staged/a was changed by others 10 times", True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "[Errno 104] Connection reset by peer", True),
        (BadRequest(errno.EINVAL, "NoSuchBucket", OBJECT), f"{OBJECT}: NoSuchBucket. `dataops doctor` tells", False),
        (NotSignedIn(errno.EACCES, "ExpiredToken", OBJECT), f"{OBJECT}: ExpiredToken. Sign in anew", False),
        (PermissionError(errno.EACCES, "AccessDenied", OBJECT), f"{OBJECT}: AccessDenied. Give this identity the right", False),
        (Damaged(OBJECT, "other bytes"), f"{OBJECT}: other bytes", False),
        (ValueError("three"), "ValueError: three", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_fault_is_told_in_words_and_tried_again_only_if_it_may_pass(error: Exception, told: str, again: bool) -> None:
    with pytest.raises(dg.Failure) as caught, retried_only_if_transient():
        raise error
    assert (caught.value.description or "").startswith(told)
    assert caught.value.allow_retries == again
