"""What may go wrong in a store, by what the reader of the error can do about it.

Here: the errors, and how they are said in one line. Not here: when they are raised (`store`, `folder`, `s3`).
"""

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Lost(Exception):
    """An object is not as it was seen: another writer came first. Nothing was written."""


class Damaged(OSError):
    """The bytes of an object are not those that were written.

    Args:
        place: Its address.
        told: How that was found.
    """

    def __init__(self, place: str, told: str):
        super().__init__(errno.EIO, told, place)

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class Gone(FileNotFoundError):
    """What was published is there no more, or another version of it is.

    Args:
        place: Its address.
        told: What is so now.
    """

    def __init__(self, place: str, told: str = "it is there no more"):
        super().__init__(errno.ENOENT, told, place)


class Unreachable(ConnectionError):
    """A store did not answer, or not as it should, however often it was asked."""


class BadRequest(OSError):
    """A store does not do what it was asked, however often it is asked: there is no such bucket, a name is too long."""


class Unrepeatable(BadRequest):
    """A store does not make again what was removed there: it takes the mark of the removal for an object."""


class NotSignedIn(PermissionError):
    """There are no credentials, or those that there are have ended, or are not known."""


class Closed(PermissionError):
    """A store does not let this identity read."""


class Withheld(Closed):
    """Prod has published something for others; it was not read."""

    def __init__(self, place: str, why: str):
        super().__init__(errno.EACCES, why, place)

    def __str__(self) -> str:
        return f"{self.filename} is not read: {self.strerror}"


class Forbidden(PermissionError):
    """This process may not write here; nothing was written."""

    def __init__(self, place: str, why: str):
        super().__init__(errno.EACCES, why, place)

    def __str__(self) -> str:
        return f"{self.filename} is not written: {self.strerror}"


def is_lasting(error: OSError) -> bool:
    """Whether a fault of the machine stays until somebody does something about it."""
    return error.errno in (*_FULL, *_DENIED) or isinstance(error, Damaged | BadRequest)


def in_words(error: OSError) -> str:
    """A fault of the machine in one line: where, what, and the way out, where one is known."""
    place, what = error.filename2 or error.filename, error.strerror or str(error)
    if place is None or isinstance(error, Forbidden | Withheld | Damaged):
        return str(error)
    remedy = ""
    if isinstance(error, Unreachable | BadRequest):
        remedy = ". `dataops doctor` tells what is wrong with it"
    elif isinstance(error, NotSignedIn):
        remedy = ". Sign in anew; `dataops doctor` tells more"
    elif isinstance(error, Closed):
        remedy = ". Let this identity read it; `dataops doctor` tells who it is"
    elif is_full(error):
        remedy = ". Make room on that disk, and run again"
    elif str(place).startswith("s3://"):
        remedy = ". Give this identity the right to it, or work as dev/<person> (DATAOPS_DEPLOYMENT)"
    elif error.errno in _DENIED:
        remedy = ". Give this user the right to it, or set DATAOPS_DATA to a folder of your own"
    return f"{place}: {what.rstrip('.')}{remedy}"


def is_full(error: OSError) -> bool:
    """Whether a disk has no room."""
    return error.errno in _FULL
