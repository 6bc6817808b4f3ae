"""Cancellations by day."""

import polars as pl


def transform(flights: pl.LazyFrame) -> pl.LazyFrame:
    """A flight without a time of departure was cancelled."""
    cancelled = pl.col("dep_time").is_null().sum()
    return flights.group_by(pl.date("year", "month", "day").alias("day")).agg(
        flights=pl.len().cast(pl.Int32), cancelled=cancelled.cast(pl.Int32), cancelled_share=cancelled / pl.len()
    )
