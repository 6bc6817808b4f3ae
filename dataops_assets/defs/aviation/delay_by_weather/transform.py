"""Delays against the weather."""

import polars as pl


def transform(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """Flights in an hour without weather count under `unknown`."""
    wind = (
        pl.when(pl.col("wind_speed").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("wind_speed") < 10)
        .then(pl.lit("calm"))
        .when(pl.col("wind_speed") < 20)
        .then(pl.lit("breeze"))
        .otherwise(pl.lit("strong"))
    )
    visibility = (
        pl.when(pl.col("visib").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("visib") < 3)
        .then(pl.lit("low"))
        .otherwise(pl.lit("good"))
    )
    return (
        flights.join(weather.select("origin", "time_hour", "wind_speed", "visib"), on=["origin", "time_hour"], how="left")
        .group_by("origin", wind.alias("wind"), visibility.alias("visibility"))
        .agg(
            flights=pl.len().cast(pl.Int32),
            cancelled=pl.col("dep_time").is_null().sum().cast(pl.Int32),
            mean_dep_delay_minutes=pl.col("dep_delay").cast(pl.Int64).sum() / pl.col("dep_delay").count().replace(0, None),
        )
    )
