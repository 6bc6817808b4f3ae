# Engineers: people at work. They read prod where `branches` may, and do what they like below their own name.

locals {
  engineer = {
    for name in ["engineer"] : name => {
      description = "People at work: read prod for branches, and write below dev/<person>."
      trust       = local.from_people[name]
      hours       = 8
      rights = concat([
        {
          Sid      = "OwnPrefix"
          Effect   = "Allow"
          Action   = concat(local.in_area, ["s3:DeleteObject", "s3:GetObjectVersion"])
          Resource = "${local.data}/dev/$${aws:PrincipalTag/person}/*"
        },
      ], local.in_own_prefix, local.through_to_prod)
    } if !local.in_prod
  }
}
