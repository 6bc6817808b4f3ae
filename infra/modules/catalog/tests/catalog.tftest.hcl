mock_provider "aws" {}

variables {
  prefix             = "my-company"
  account            = "222222222222"
  audit_bucket       = "my-company-audit-prod"
  kms_key_arn        = "arn:aws:kms:eu-central-1:222222222222:key/00000000-0000-0000-0000-000000000000"
  query_results_days = 7
  reader_groups      = { analysts = "Who builds reports.", branches = "Branch and dev deployments." }
  tables = {
    staged = {
      flights = {
        description    = "One flight."
        columns        = [{ name = "carrier", type = "string", comment = "Who flies" }, { name = "delay", type = "smallint", comment = "" }]
        partition      = { name = "date", every = "day", start = "2013-01-01" }
        classification = "public"
        owner          = "flight-operations"
        readers        = ["operations", "analysts"]
      }
      airports = {
        description    = "One airport."
        columns        = [{ name = "faa", type = "string", comment = "" }]
        classification = "public"
        owner          = "reference-data"
        readers        = ["analysts"]
      }
    }
    curated = {
      routes = {
        description    = "One route in one month."
        columns        = [{ name = "route", type = "string", comment = "" }]
        partition      = { name = "month", every = "month", start = "2013-01", end = "2013-12" }
        classification = "internal"
        owner          = "flight-operations"
        readers        = ["analysts"]
      }
      years = {
        description    = "One year."
        columns        = [{ name = "flights", type = "bigint", comment = "" }]
        partition      = { name = "year", every = "year", start = "2013", end = null }
        classification = "internal"
        owner          = "flight-operations"
        readers        = ["analysts"]
      }
    }
  }
}

run "tables" {
  command = plan

  assert {
    condition     = { for zone, database in aws_glue_catalog_database.zone : zone => database.name } == { staged = "my_company_staged", curated = "my_company_curated" }
    error_message = "There is a database for each zone, whose name Athena takes without quotes."
  }

  assert {
    condition = (
      toset(keys(aws_glue_catalog_table.dataset)) == toset(["staged/flights", "staged/airports", "curated/routes", "curated/years"])
      && aws_glue_catalog_table.dataset["staged/flights"].name == "flights"
      && aws_glue_catalog_table.dataset["staged/flights"].database_name == "my_company_staged"
      && aws_glue_catalog_table.dataset["staged/flights"].storage_descriptor[0].location == "s3://my-company-prod/staged/flights/"
    )
    error_message = "There is a table for each dataset, where the dataset lies."
  }

  assert {
    condition = [for column in aws_glue_catalog_table.dataset["staged/flights"].storage_descriptor[0].columns : "${column.name} ${column.type}"] == [
      "carrier string", "delay smallint"
    ]
    error_message = "Columns come in their order, with their types."
  }

  assert {
    condition = (
      aws_glue_catalog_table.dataset["staged/flights"].parameters["dataops.readers"] == "analysts+operations"
      && aws_glue_catalog_table.dataset["staged/flights"].parameters["dataops.classification"] == "public"
      && aws_glue_catalog_table.dataset["staged/flights"].parameters["classification"] == "parquet"
    )
    error_message = "A table says who reads it, and how confidential it is."
  }
}

run "partitions" {
  command = plan

  assert {
    condition = { for name, value in aws_glue_catalog_table.dataset["staged/flights"].parameters : name => value if !startswith(name, "dataops.") } == {
      "EXTERNAL"                      = "TRUE"
      "classification"                = "parquet"
      "projection.enabled"            = "true"
      "projection.date.type"          = "date"
      "projection.date.format"        = "yyyy-MM-dd"
      "projection.date.range"         = "2013-01-01,NOW"
      "projection.date.interval"      = "1"
      "projection.date.interval.unit" = "DAYS"
      "storage.location.template"     = "s3://my-company-prod/staged/flights/date=$${date}/"
    }
    error_message = "Days are projected from the first one to now, and lie where they are published."
  }

  assert {
    condition = (
      aws_glue_catalog_table.dataset["curated/routes"].parameters["projection.month.range"] == "2013-01,2013-12"
      && aws_glue_catalog_table.dataset["curated/routes"].parameters["projection.month.format"] == "yyyy-MM"
      && aws_glue_catalog_table.dataset["curated/routes"].parameters["projection.month.interval.unit"] == "MONTHS"
      && aws_glue_catalog_table.dataset["curated/routes"].parameters["storage.location.template"] == "s3://my-company-prod/curated/routes/month=$${month}/"
    )
    error_message = "Months are projected to the last one."
  }

  assert {
    condition = (
      aws_glue_catalog_table.dataset["curated/years"].parameters["projection.year.range"] == "2013,NOW"
      && aws_glue_catalog_table.dataset["curated/years"].parameters["projection.year.format"] == "yyyy"
      && aws_glue_catalog_table.dataset["curated/years"].parameters["projection.year.interval.unit"] == "YEARS"
    )
    error_message = "Years are projected."
  }

  assert {
    condition = (
      [for key in aws_glue_catalog_table.dataset["curated/routes"].partition_keys : "${key.name} ${key.type}"] == ["month string"]
      && length(aws_glue_catalog_table.dataset["staged/airports"].partition_keys) == 0
      && !contains(keys(aws_glue_catalog_table.dataset["staged/airports"].parameters), "projection.enabled")
    )
    error_message = "What has no partitions projects none."
  }
}

run "queries" {
  command = plan

  assert {
    condition     = keys(aws_athena_workgroup.readers) == ["analysts"] && aws_athena_workgroup.readers["analysts"].name == "my-company-analysts"
    error_message = "There is a workgroup for each group of people; branches are none."
  }

  assert {
    condition = (
      aws_athena_workgroup.readers["analysts"].configuration[0].enforce_workgroup_configuration
      && aws_athena_workgroup.readers["analysts"].configuration[0].result_configuration[0].output_location == "s3://my-company-athena-prod/analysts/"
      && aws_athena_workgroup.readers["analysts"].configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS"
      && aws_athena_workgroup.readers["analysts"].configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == var.kms_key_arn
      && aws_athena_workgroup.readers["analysts"].configuration[0].bytes_scanned_cutoff_per_query == 100000000000
    )
    error_message = "Results go where the group alone reads them, encrypted, whatever a client asks for; a query ends at 100 GB."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.results.rule[0].expiration[0].days == 7
      && aws_s3_bucket_lifecycle_configuration.results.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 7
    )
    error_message = "Results end when the contracts say."
  }

  assert {
    condition = [for one in jsondecode(aws_s3_bucket_policy.results.policy).Statement : one.Sid if one.Effect == "Deny"] == [
      "TlsOnly", "InfraAloneConfigures", "AnalystsAlone", "NobodyFromOutside",
    ]
    error_message = "The policy of the results forbids other things; who may do what is asked by the matrix."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.results.block_public_acls && aws_s3_bucket_public_access_block.results.block_public_policy
      && aws_s3_bucket_public_access_block.results.ignore_public_acls && aws_s3_bucket_public_access_block.results.restrict_public_buckets
      && aws_s3_bucket_ownership_controls.results.rule[0].object_ownership == "BucketOwnerEnforced"
      && aws_s3_bucket_logging.results.target_bucket == "my-company-audit-prod"
      && aws_s3_bucket_logging.results.target_prefix == "access/my-company-athena-prod/"
    )
    error_message = "Results are not public, and each request is noted."
  }
}

run "a_prefix_that_no_bucket_can_begin_with" {
  command = plan
  variables {
    prefix = "My_Company"
  }
  expect_failures = [var.prefix]
}

run "a_prefix_that_leaves_too_little_of_a_name" {
  command = plan
  variables {
    prefix = "company-of-many-words"
  }
  expect_failures = [var.prefix]
}

run "a_key_that_is_no_arn" {
  command = plan
  variables {
    kms_key_arn = "alias/data"
  }
  expect_failures = [var.kms_key_arn]
}

run "a_zone_that_is_not_published" {
  command = plan
  variables {
    tables = { raw = {} }
  }
  expect_failures = [var.tables]
}

run "a_partition_of_a_week" {
  command = plan
  variables {
    tables = {
      staged = {
        flights = {
          description    = "One flight."
          columns        = []
          partition      = { name = "week", every = "week", start = "2013-01" }
          classification = "public"
          owner          = "flight-operations"
          readers        = ["analysts"]
        }
      }
    }
  }
  expect_failures = [var.tables]
}

run "a_group_that_no_workgroup_can_be_called" {
  command = plan
  variables {
    reader_groups = { "analysts@night" = "Who builds reports at night." }
  }
  expect_failures = [var.reader_groups]
}

run "results_that_are_kept_for_hours" {
  command = plan
  variables {
    query_results_days = 0.5
  }
  expect_failures = [var.query_results_days]
}

run "a_limit_that_athena_does_not_take" {
  command = plan
  variables {
    most_bytes_scanned = 1000
  }
  expect_failures = [var.most_bytes_scanned]
}
