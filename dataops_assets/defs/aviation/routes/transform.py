"""Routes."""

import polars as pl


def transform(flights: pl.LazyFrame) -> pl.LazyFrame:
    """The provider gives some routes two distances a mile apart; the shorter one stands."""
    return flights.group_by("origin", "dest").agg(
        flights=pl.len().cast(pl.Int32),
        airlines=pl.col("carrier").n_unique().cast(pl.Int16),
        distance_miles=pl.col("distance").min(),
        median_air_time_minutes=pl.col("air_time").median(),
        cancelled=pl.col("dep_time").is_null().sum().cast(pl.Int32),
    )
