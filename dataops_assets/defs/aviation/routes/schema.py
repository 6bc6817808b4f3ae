"""What a good route is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    origin: str = pa.Field(description="Airport of departure")
    dest: str = pa.Field(description="Airport of arrival")
    flights: pl.Int32 = pa.Field(description="Flights scheduled", ge=1)
    airlines: pl.Int16 = pa.Field(description="Airlines that flew it", ge=1)
    distance_miles: pl.Int16 = pa.Field(description="Distance, miles", ge=50)
    median_air_time_minutes: float = pa.Field(description="Median time in the air, minutes", nullable=True, gt=0)
    cancelled: pl.Int32 = pa.Field(description="Flights cancelled", ge=0)

    @pa.dataframe_check
    def elsewhere(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a route leads to another airport"""
        return data.lazyframe.select(pl.col("origin") != pl.col("dest"))
