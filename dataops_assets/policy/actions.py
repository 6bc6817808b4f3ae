"""What can be done to an object, a bucket, a key or a role, in the words by which people tell it apart.

All actions of S3, KMS, STS and IAM on these four that AWS's Service Authorization Reference has with the levels Write, Tagging
and Permissions management, and those that read data or list it; a test compares. Not here: actions on what is none of these
four.
"""

from typing import Literal

Kind = Literal["object", "bucket", "key", "role"]

_WORDS: dict[Kind, dict[str, str]] = {
    "object": {
        "read": """
            s3:GetObject s3:GetObjectAnnotation s3:GetObjectAttributes s3:GetObjectTorrent s3:ListObjectAnnotations""",
        "read versions": """
            s3:GetObjectVersion s3:GetObjectVersionAnnotation s3:GetObjectVersionAnnotationForReplication
            s3:GetObjectVersionAttributes s3:GetObjectVersionForReplication s3:GetObjectVersionTorrent
            s3:ListObjectVersionAnnotations""",
        "write": """
            s3:AbortMultipartUpload s3:InitiateReplication s3:PutObject s3:PutObjectAnnotation s3:PutObjectVersionAnnotation
            s3:ReplicateObject s3:ReplicateObjectAnnotation s3:RestoreObject s3:UpdateObjectEncryption""",
        "delete": """
            s3:DeleteObject s3:DeleteObjectAnnotation s3:DeleteObjectVersion s3:DeleteObjectVersionAnnotation
            s3:ReplicateDelete""",
        "tag": """
            s3:DeleteObjectTagging s3:DeleteObjectVersionTagging s3:PutObjectTagging s3:PutObjectVersionTagging
            s3:ReplicateTags""",
        "unlock": "s3:BypassGovernanceRetention s3:PutObjectLegalHold s3:PutObjectRetention",
        "give away": "s3:ObjectOwnerOverrideToBucketOwner s3:PutObjectAcl s3:PutObjectVersionAcl",
    },
    "bucket": {
        "list": "s3:ListBucket s3:ListBucketMultipartUploads s3:ListBucketVersions",
        "configure": """
            s3:CreateBucketMetadataTableConfiguration s3:DeleteBucketMetadataTableConfiguration s3:DeleteBucketWebsite
            s3:PauseReplication s3:PutAccelerateConfiguration s3:PutAnalyticsConfiguration s3:PutBucketAbac s3:PutBucketCORS
            s3:PutBucketLogging s3:PutBucketNotification s3:PutBucketObjectLockConfiguration s3:PutBucketRequestPayment
            s3:PutBucketTagging s3:PutBucketVersioning s3:PutBucketWebsite s3:PutEncryptionConfiguration
            s3:PutIntelligentTieringConfiguration s3:PutInventoryConfiguration s3:PutLifecycleConfiguration
            s3:PutMetricsConfiguration s3:PutReplicationConfiguration s3:TagResource s3:UntagResource
            s3:UpdateBucketMetadataAnnotationTableConfiguration s3:UpdateBucketMetadataInventoryTableConfiguration
            s3:UpdateBucketMetadataJournalTableConfiguration""",
        "let others in": """
            s3:DeleteBucketPolicy s3:PutBucketAcl s3:PutBucketOwnershipControls s3:PutBucketPolicy
            s3:PutBucketPublicAccessBlock""",
        "create": "s3:CreateBucket",
        "delete": "s3:DeleteBucket",
    },
    "key": {
        "decrypt": "kms:Decapsulate kms:Decrypt kms:DeriveSharedSecret kms:ReEncryptFrom",
        "encrypt": """
            kms:Encapsulate kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyPair kms:GenerateDataKeyPairWithoutPlaintext
            kms:GenerateDataKeyWithoutPlaintext kms:GenerateMac kms:ReEncryptTo kms:Sign kms:Verify kms:VerifyMac""",
        "configure": """
            kms:CancelKeyDeletion kms:CreateAlias kms:DeleteAlias kms:DisableKeyRotation kms:EnableKey kms:EnableKeyRotation
            kms:ImportKeyMaterial kms:ReplicateKey kms:RotateKeyOnDemand kms:SynchronizeMultiRegionKey kms:TagResource
            kms:UntagResource kms:UpdateAlias kms:UpdateKeyDescription kms:UpdatePrimaryRegion""",
        "let others in": "kms:CreateGrant kms:PutKeyPolicy kms:RetireGrant kms:RevokeGrant",
        "disable": "kms:DeleteImportedKeyMaterial kms:DisableKey kms:ScheduleKeyDeletion",
    },
    "role": {
        "become": """
            sts:AssumeRole sts:AssumeRoleWithSAML sts:AssumeRoleWithWebIdentity sts:SetContext sts:SetSourceIdentity
            sts:TagSession""",
        "hand on": "iam:PassRole",
        "create": "iam:CreateRole iam:CreateServiceLinkedRole",
        "delete": "iam:DeleteRole iam:DeleteServiceLinkedRole",
        "change": "iam:TagRole iam:UntagRole iam:UpdateRole iam:UpdateRoleDescription",
        "let others in": """
            iam:AttachRolePolicy iam:DeleteRolePermissionsBoundary iam:DeleteRolePolicy iam:DetachRolePolicy
            iam:PutRolePermissionsBoundary iam:PutRolePolicy iam:UpdateAssumeRolePolicy""",
    },
}
ACTIONS: dict[Kind, dict[str, str]] = {
    kind: {action: word for word, actions in words.items() for action in actions.split()} for kind, words in _WORDS.items()
}
"""By what they are done to, and by name: what people call it."""
