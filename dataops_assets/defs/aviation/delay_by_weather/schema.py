"""What a good row of delays by weather is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    origin: str = pa.Field(description="Airport of departure")
    wind: str = pa.Field(
        description="Wind: calm below 10 mph, breeze below 20, strong", isin=["calm", "breeze", "strong", "unknown"]
    )
    visibility: str = pa.Field(description="Visibility: low below 3 miles", isin=["low", "good", "unknown"])
    flights: pl.Int32 = pa.Field(description="Flights scheduled", ge=1)
    cancelled: pl.Int32 = pa.Field(description="Flights cancelled", ge=0)
    mean_dep_delay_minutes: float = pa.Field(description="Mean delay of departures, minutes", nullable=True)

    @pa.dataframe_check(raise_warning=True)
    def weather_known(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """at most 2 % of the flights left in an hour without weather"""
        unknown = pl.col("flights").filter(pl.col("visibility") == "unknown").sum()
        return data.lazyframe.select((unknown / pl.col("flights").sum()).fill_nan(0.0) <= 0.02)

    @pa.dataframe_check
    def kind_of_weather(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """wind and visibility are known"""
        return data.lazyframe.select((pl.col("wind") != "unknown") & (pl.col("visibility") != "unknown"))
