"""What a good row of aircraft use is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    tailnum: str = pa.Field(description="Registration or fleet number")
    manufacturer: str = pa.Field(description="Manufacturer", nullable=True)
    model: str = pa.Field(description="Model", nullable=True)
    seats: pl.Int16 = pa.Field(description="Number of seats", nullable=True)
    flights: pl.Int32 = pa.Field(description="Flights flown from New York City", ge=1)
    airlines: pl.Int16 = pa.Field(description="Airlines that flew it", ge=1)
    air_time_minutes: int = pa.Field(
        description="Time in the air on these flights, minutes", in_range={"min_value": 0, "max_value": 44640}
    )
    distance_miles: int = pa.Field(description="Distance of these flights, miles", ge=0)

    @pa.dataframe_check
    def airliner_seats(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """an airliner has at least 20 seats"""
        return data.lazyframe.select(pl.col("seats") >= 20)
