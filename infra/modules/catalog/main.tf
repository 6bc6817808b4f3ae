# The tables of published data, so that an analyst finds them in Athena without a crawler. Partitions are projected: which ones there
# are follows from time, so nothing has to be registered when one is published, and no list of them can be stale.

locals {
  bucket    = "${var.prefix}-prod"
  databases = { for zone in keys(var.tables) : zone => "${replace(var.prefix, "-", "_")}_${zone}" }
  tables = merge([
    for zone, tables in var.tables : {
      for name, table in tables : "${zone}/${name}" => merge(table, { zone = zone, name = name, location = "s3://${local.bucket}/${zone}/${name}/" })
    }
  ]...)

  formats = { day = "yyyy-MM-dd", month = "yyyy-MM", year = "yyyy" }
  units   = { day = "DAYS", month = "MONTHS", year = "YEARS" }
}

resource "aws_glue_catalog_database" "zone" {
  for_each = local.databases

  name        = each.value
  description = "What is published in ${each.key}, as the contracts declare it."

  # IAM alone says who may read: without this, an account that was set up for Lake Formation asks that, too.
  create_table_default_permission {
    permissions = ["ALL"]

    principal {
      data_lake_principal_identifier = "IAM_ALLOWED_PRINCIPALS"
    }
  }
}

resource "aws_glue_catalog_table" "dataset" {
  for_each = local.tables

  name          = each.value.name
  database_name = aws_glue_catalog_database.zone[each.value.zone].name
  description   = each.value.description
  owner         = each.value.owner
  table_type    = "EXTERNAL_TABLE"

  # `classification` is Glue's word for the format.
  parameters = merge(
    {
      EXTERNAL                 = "TRUE"
      classification           = "parquet"
      "dataops.classification" = each.value.classification
      "dataops.readers"        = join("+", sort(each.value.readers))
    },
    each.value.partition == null ? {} : {
      "projection.enabled"                                    = "true"
      "projection.${each.value.partition.name}.type"          = "date"
      "projection.${each.value.partition.name}.format"        = local.formats[each.value.partition.every]
      "projection.${each.value.partition.name}.range"         = "${each.value.partition.start},${coalesce(each.value.partition.end, "NOW")}"
      "projection.${each.value.partition.name}.interval"      = "1"
      "projection.${each.value.partition.name}.interval.unit" = local.units[each.value.partition.every]
      "storage.location.template"                             = "${each.value.location}${each.value.partition.name}=$${${each.value.partition.name}}/"
    },
  )

  storage_descriptor {
    location      = each.value.location
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  # Text also where it is a day: a key is `2013-01` of a month, and compared as text it is in the order of time.
  dynamic "partition_keys" {
    for_each = each.value.partition == null ? [] : [each.value.partition]

    content {
      name    = partition_keys.value.name
      type    = "string"
      comment = "The ${partition_keys.value.every} that the rows are of"
    }
  }
}
