# Every rule of Terraform's own rule set. That for AWS is a binary of its own, which is not fetched: the plans are made with AWS's
# provider anyway.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# A root has outputs where somebody reads them: nobody reads an empty file.
rule "terraform_standard_module_structure" {
  enabled = false
}
