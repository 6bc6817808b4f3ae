"""Use of aircraft."""

import polars as pl


def transform(flights: pl.LazyFrame, planes: pl.LazyFrame) -> pl.LazyFrame:
    """Registrations that the registry does not know keep their row, without a model."""
    return (
        flights.filter(pl.col("tailnum").is_not_null(), pl.col("dep_time").is_not_null())
        .group_by("tailnum")
        .agg(
            flights=pl.len().cast(pl.Int32),
            airlines=pl.col("carrier").n_unique().cast(pl.Int16),
            air_time_minutes=pl.col("air_time").cast(pl.Int64).sum(),
            distance_miles=pl.col("distance").cast(pl.Int64).sum(),
        )
        .join(planes.select("tailnum", "manufacturer", "model", "seats"), on="tailnum", how="left")
    )
