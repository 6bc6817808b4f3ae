"""Erasure requests: whom one is about, which rows those are, and how they are left out of a file.

Here: whether a request fits its dataset, keyed hashes, what names a person, and how a request is written. Not here: what of all
that lies in storage is affected, and what becomes of it (`steps.traces`, `steps.erasing`).
"""

from dataops_assets.erasure import redaction
from dataops_assets.erasure.problems import erasure_problems
from dataops_assets.erasure.subject import CannotTell, Subject, fingerprint, subject_of

__all__ = ["CannotTell", "Subject", "erasure_problems", "fingerprint", "redaction", "subject_of"]
