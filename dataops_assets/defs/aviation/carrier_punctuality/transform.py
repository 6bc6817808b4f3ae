"""Punctuality by airline and day."""

import polars as pl


def transform(flights: pl.LazyFrame, airlines: pl.LazyFrame) -> pl.LazyFrame:
    """A flight is on time if it arrives less than 15 minutes late."""
    return (
        flights.group_by(pl.date("year", "month", "day").alias("day"), "carrier")
        .agg(
            flights=pl.len().cast(pl.Int32),
            cancelled=pl.col("dep_time").is_null().sum().cast(pl.Int32),
            arrived=pl.col("arr_delay").count().cast(pl.Int32),
            on_time=(pl.col("arr_delay") < 15).sum().cast(pl.Int32),
            mean_arr_delay_minutes=pl.col("arr_delay").cast(pl.Int64).sum() / pl.col("arr_delay").count().replace(0, None),
        )
        .join(airlines.select("carrier", airline="name"), on="carrier", how="left")
    )
