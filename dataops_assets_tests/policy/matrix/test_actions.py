"""The words for actions that `dataops may` uses leave out nothing that AWS has."""

from dataops_assets.policy.actions import ACTIONS
from dataops_assets_tests.policy.matrix.actions import universe

_ABOUT = ("s3:GetObjectAcl", "s3:GetObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectTagging", "s3:GetObjectVersionAcl")
_LISTED = ("s3:ListMultipartUploadParts", "s3:GetObjectVersionTagging", *_ABOUT)
"""What tells of objects, and not what is in them."""


def test_every_action_on_an_object_a_bucket_a_key_or_a_role_has_a_word():
    known = {kind: set(actions) for kind, actions in ACTIONS.items()}
    there = {kind: {one.name for one in universe() if kind in one.kinds} for kind in known}
    assert not {action for kind in known for action in there[kind] - known[kind]} - set(_LISTED)


def test_every_word_is_of_an_action_that_there_is():
    there = {one.name for one in universe()}
    assert {action for actions in ACTIONS.values() for action in actions} <= there
