# With a provider that makes nothing: what is asked for. Whether AWS takes it is told by `apply`.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::222222222222:role/mock" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:222222222222:key/mock", key_id = "mock" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

variables {
  environment  = "prod"
  prefix       = "company"
  region       = "eu-central-1"
  account      = "222222222222"
  roles        = { for name in ["deployer", "infra", "pipeline"] : name => "arn:aws:iam::222222222222:role/company-${name}" }
  pods         = { pipeline = { namespace = "prod", service_account = "pipeline" } }
  database     = { standby = true }
  backups_days = 35
  images_days  = 365
  logs_days    = 90
}

run "nothing_is_reached_from_everywhere" {
  command = plan

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "The cluster is reached from outside although nobody asked for it."
  }
  assert {
    condition     = aws_db_instance.this.publicly_accessible != true && aws_db_instance.this.storage_encrypted
    error_message = "The database is public, or not encrypted."
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database.cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.database.cidr_ipv6 == null
      && aws_vpc_security_group_ingress_rule.database.prefix_list_id == null
    )
    error_message = "The database is reached by address, not from a group of machines."
  }
  assert {
    condition     = !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Whoever made the cluster may do everything in it."
  }
}

run "pods_get_their_roles" {
  command = plan

  assert {
    condition = (
      aws_eks_pod_identity_association.this["pipeline"].namespace == "prod"
      && aws_eks_pod_identity_association.this["pipeline"].role_arn == "arn:aws:iam::222222222222:role/company-pipeline"
    )
    error_message = "The pipeline's pods do not get its role."
  }
  assert {
    condition     = contains(keys(aws_eks_addon.before_machines), "eks-pod-identity-agent")
    error_message = "The agent is missing that gives pods their roles."
  }
  assert {
    condition = (
      aws_launch_template.machines.metadata_options[0].http_tokens == "required"
      && aws_launch_template.machines.metadata_options[0].http_put_response_hop_limit == 1
    )
    error_message = "Pods reach the credentials of their machine."
  }
}

run "what_is_kept_ends" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && strcontains(aws_ecr_lifecycle_policy.this.policy, "\"countNumber\":365")
    error_message = "A tag can be given twice, or images are kept for another time."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 90])
    error_message = "Logs are kept for another time."
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period == 35 && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "The database can be lost."
  }
}

run "no_password_is_in_the_state" {
  command = plan

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "The password of the database is in the state."
  }
}

run "logs_are_kept_no_shorter_than_stated" {
  command = plan

  variables {
    logs_days = 91
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 120])
    error_message = "CloudWatch knows no 91 days; the next is 120."
  }
}

run "machines_of_intel_have_their_image" {
  command = plan

  variables {
    cluster = { machine = "m7i.large" }
  }
  assert {
    condition     = aws_eks_node_group.this.ami_type == "AL2023_x86_64_STANDARD"
    error_message = "An image of ARM for machines of Intel."
  }
}

run "backups_longer_than_aws_keeps_them_are_refused" {
  command = plan

  variables {
    backups_days = 36
  }
  expect_failures = [var.backups_days]
}

run "an_api_for_everybody_is_refused" {
  command = plan

  variables {
    reached_from = ["0.0.0.0/0"]
  }
  expect_failures = [var.reached_from]
}

run "an_api_for_everybody_written_otherwise_is_refused" {
  command = plan

  variables {
    reached_from = ["192.0.2.0/24", "1.2.3.4/0"]
  }
  expect_failures = [var.reached_from]
}

run "an_api_for_half_of_everybody_is_refused" {
  command = plan

  variables {
    reached_from = ["0.0.0.0/1"]
  }
  expect_failures = [var.reached_from]
}

run "an_api_for_one_company_is_taken" {
  command = plan

  variables {
    reached_from = ["192.0.2.0/24", "10.0.0.0/8", "198.51.100.7/32"]
  }
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "A range was named, and the cluster is not reached from there."
  }
}

run "pods_of_a_role_that_is_not_there_are_refused" {
  command = plan

  variables {
    pods = { other = { namespace = "prod", service_account = "other" } }
  }
  expect_failures = [var.pods]
}
