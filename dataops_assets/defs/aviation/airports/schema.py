"""What a good airport is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    faa: str = pa.Field(
        description="FAA code",
        str_matches={"pattern": r"^[0-9A-Z]{3}$", "description": "faa is three capital letters or digits"},
    )
    name: str = pa.Field(description="Name")
    lat: float = pa.Field(description="Latitude, degrees", in_range={"min_value": 15, "max_value": 72})
    lon: float = pa.Field(description="Longitude, degrees")
    alt: pl.Int16 = pa.Field(description="Altitude, feet", in_range={"min_value": -300, "max_value": 15000})
    tz: pl.Int8 = pa.Field(description="Offset from UTC in winter, hours", in_range={"min_value": -11, "max_value": -4})
    dst: str = pa.Field(description="Daylight saving: A American, N none, U unknown", isin=["A", "N", "U"])
    tzone: str = pa.Field(
        description="IANA time zone",
        nullable=True,
        str_matches={"pattern": r"^(America|Pacific)/", "description": "tzone is in America or the Pacific"},
    )

    @pa.check("lon")
    def american(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """lon is that of America or of the Aleutians"""
        return data.lazyframe.select(pl.col(data.key).is_between(-180, -60) | pl.col(data.key).is_between(170, 180))

    @pa.dataframe_check(raise_warning=True)
    def zone_known(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """the time zone is known"""
        return data.lazyframe.select(pl.col("tzone").is_not_null())
