"""What a good row of an airport's hours is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    origin: str = pa.Field(description="Airport of departure")
    airport: str = pa.Field(description="Its name")
    hour: pl.Int8 = pa.Field(description="Local hour of the schedule", in_range={"min_value": 0, "max_value": 23})
    flights: pl.Int32 = pa.Field(description="Flights scheduled", ge=1)
    cancelled: pl.Int32 = pa.Field(description="Flights cancelled", ge=0)
    mean_dep_delay_minutes: float = pa.Field(description="Mean delay of departures, minutes", nullable=True)
