"""What a good aircraft is."""

import pandera.polars as pa
import polars as pl

_COMPANY = r"( INDUSTRIE| AIRCRAFT| CO| CORP| CORPORATION| INC| LTD)+$"


class Schema(pa.DataFrameModel):
    tailnum: str = pa.Field(
        description="Registration",
        str_matches={
            "pattern": r"^N[1-9][0-9]{0,4}[A-Z]{0,2}$",
            "description": "tailnum is N, up to five digits, up to two letters",
        },
    )
    year: pl.Int16 = pa.Field(description="Year of manufacture", nullable=True, in_range={"min_value": 1950, "max_value": 2013})
    type: str = pa.Field(
        description="Kind of aircraft",
        isin={"allowed_values": ["Fixed wing multi engine"], "description": "an airliner has fixed wings and several engines"},
    )
    manufacturer: str = pa.Field(description="Manufacturer, in one spelling")
    model: str = pa.Field(description="Model")
    engines: pl.Int8 = pa.Field(description="Number of engines", in_range={"min_value": 1, "max_value": 4})
    seats: pl.Int16 = pa.Field(description="Number of seats", in_range={"min_value": 1, "max_value": 600})
    speed: pl.Int16 = pa.Field(description="Cruising speed, mph", nullable=True, gt=0)
    engine: str = pa.Field(description="Kind of engine")

    @pa.dataframe_check
    def plausible_seats(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """an A321 has at most 250 seats"""
        return data.lazyframe.select(~pl.col("model").str.starts_with("A321") | (pl.col("seats") <= 250))

    @pa.dataframe_check
    def year_of_737(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a 737-500 was built in 1989 or later"""
        return data.lazyframe.select(~pl.col("model").str.starts_with("737-5") | (pl.col("year") >= 1989))

    @pa.dataframe_check
    def airliner_seats(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """an airliner has at least 20 seats"""
        return data.lazyframe.select(pl.col("seats") >= 20)

    @pa.dataframe_check(raise_warning=True)
    def year_known(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """the year of manufacture is known"""
        return data.lazyframe.select(pl.col("year").is_not_null())

    @pa.dataframe_check(raise_warning=True)
    def one_spelling(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """no two manufacturers differ only in words such as INC or CORPORATION"""
        name = pl.col("manufacturer").str.replace(_COMPANY, "")
        return data.lazyframe.select(pl.col("manufacturer").n_unique().over(name) == 1)
