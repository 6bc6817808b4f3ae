"""Who may do what: policies of AWS's IAM are read and judged, and nothing is asked of AWS."""
