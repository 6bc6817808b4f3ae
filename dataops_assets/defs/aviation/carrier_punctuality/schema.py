"""What a good row of punctuality is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    day: pl.Date = pa.Field(description="Local day")
    carrier: str = pa.Field(description="Two-letter code of the airline")
    airline: str = pa.Field(description="Name of the airline")
    flights: pl.Int32 = pa.Field(description="Flights scheduled", ge=1)
    cancelled: pl.Int32 = pa.Field(description="Flights cancelled", ge=0)
    arrived: pl.Int32 = pa.Field(description="Flights that reached their destination", ge=0)
    on_time: pl.Int32 = pa.Field(description="Flights less than 15 minutes late", ge=0)
    mean_arr_delay_minutes: float = pa.Field(description="Mean delay of arrivals, minutes", nullable=True)

    @pa.dataframe_check
    def counts_fit(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """no more flights arrived or were cancelled than were scheduled, no more were on time than arrived"""
        fits = (pl.col("cancelled") + pl.col("arrived") <= pl.col("flights")) & (pl.col("on_time") <= pl.col("arrived"))
        return data.lazyframe.select(fits)
