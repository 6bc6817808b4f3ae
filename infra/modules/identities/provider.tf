# Providers: each drops into its own folders of landing, in a bucket that holds nothing else. None reads, lists, tags or removes anything.

locals {
  provider_folders = { for name, provider in var.data_providers : "provider-${name}" => provider if local.in_prod }

  provider = {
    for name, provider in local.provider_folders : name => {
      description = "Delivers into landing: ${provider.name}."
      trust = [{
        # A program at the provider's, which has no name of a person: a token with tags is refused.
        Sid       = "ProviderWhoSignedIn"
        Effect    = "Allow"
        Principal = { Federated = local.federated.people }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = { StringEquals = { "${local.issuer}:aud" = local.audiences[name] } }
      }]
      hours = 1
      rights = [
        {
          Sid      = "Deliver"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
          Resource = [for folder in provider.landing : "${local.landing}/landing/${folder}/*"]
        },
        {
          # Decrypt is what S3 asks for to put the parts of a large file together.
          Sid       = "UseKey"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.keys.prod
          Condition = local.via_s3
        },
      ]
    }
  }
}
