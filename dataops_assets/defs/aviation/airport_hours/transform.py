"""Departures by airport and hour of the day."""

import polars as pl


def transform(flights: pl.LazyFrame, airports: pl.LazyFrame) -> pl.LazyFrame:
    """Hours are those of the schedule."""
    return (
        flights.group_by("origin", "hour")
        .agg(
            flights=pl.len().cast(pl.Int32),
            cancelled=pl.col("dep_time").is_null().sum().cast(pl.Int32),
            mean_dep_delay_minutes=pl.col("dep_delay").cast(pl.Int64).sum() / pl.col("dep_delay").count().replace(0, None),
        )
        .join(airports.select(origin="faa", airport="name"), on="origin", how="left")
    )
