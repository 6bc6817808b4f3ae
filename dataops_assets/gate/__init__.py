"""Is a delivery whole (the envelope), and is every row good (the content)?

Here: reading a delivery as text, rules compiled from pandera models into one polars pass, the split into good, rejected and
merged rows, verdicts, and the proof by examples. Not here: where anything is stored, and when a gate is asked.
"""
