"""What a good row of cancellations is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    day: pl.Date = pa.Field(description="Local day")
    flights: pl.Int32 = pa.Field(description="Flights scheduled", ge=1)
    cancelled: pl.Int32 = pa.Field(description="Flights cancelled", ge=0)
    cancelled_share: float = pa.Field(
        description="Share of the flights that were cancelled", in_range={"min_value": 0, "max_value": 1}
    )

    @pa.dataframe_check(raise_warning=True)
    def ordinary_day(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """at most half of the flights of a day are cancelled"""
        return data.lazyframe.select(pl.col("cancelled_share") <= 0.5)
