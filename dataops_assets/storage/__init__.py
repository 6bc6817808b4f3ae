"""Where everything lies and how it gets there: zones and keys, deliveries, verdicts, publishing, provenance, reading.

Not here: what is good data (`gate`), and when anything runs (`components`).
"""
