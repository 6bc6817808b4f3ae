# The registry. A tag is given once: what was tested under it is what runs under it.

resource "aws_ecr_repository" "this" {
  name                 = var.prefix
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.runtime.arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Images end ${var.images_days} days after they were pushed."
      selection    = { tagStatus = "any", countType = "sinceImagePushed", countUnit = "days", countNumber = var.images_days }
      action       = { type = "expire" }
    }]
  })
}
