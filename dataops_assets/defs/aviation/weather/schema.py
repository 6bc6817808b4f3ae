"""What a good hour of weather is."""

import pandera.polars as pa
import polars as pl


class Schema(pa.DataFrameModel):
    origin: str = pa.Field(description="Airport of the station", isin=["EWR", "JFK", "LGA"])
    year: pl.Int16 = pa.Field(description="Local year")
    month: pl.Int8 = pa.Field(description="Local month", in_range={"min_value": 1, "max_value": 12})
    day: pl.Int8 = pa.Field(description="Local day", in_range={"min_value": 1, "max_value": 31})
    hour: pl.Int8 = pa.Field(description="Local hour", in_range={"min_value": 0, "max_value": 23})
    temp: float = pa.Field(description="Temperature, °F", nullable=True, in_range={"min_value": -30, "max_value": 120})
    dewp: float = pa.Field(description="Dew point, °F", nullable=True, in_range={"min_value": -50, "max_value": 100})
    humid: float = pa.Field(description="Relative humidity, %", nullable=True, in_range={"min_value": 0, "max_value": 100})
    wind_dir: pl.Int16 = pa.Field(
        description="Direction of the wind, degrees", nullable=True, in_range={"min_value": 0, "max_value": 360}
    )
    wind_speed: float = pa.Field(description="Wind, mph", nullable=True, in_range={"min_value": 0, "max_value": 150})
    wind_gust: float = pa.Field(description="Gusts, mph", nullable=True, in_range={"min_value": 0, "max_value": 200})
    precip: float = pa.Field(description="Precipitation, inches", in_range={"min_value": 0, "max_value": 5})
    pressure: float = pa.Field(
        description="Pressure at sea level, millibar", nullable=True, in_range={"min_value": 850, "max_value": 1090}
    )
    visib: float = pa.Field(description="Visibility, miles", in_range={"min_value": 0, "max_value": 10})
    time_hour: pl.Datetime("us", "UTC") = pa.Field(description="The hour, UTC")  # type: ignore[valid-type]

    @pa.dataframe_check
    def utc_hour(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """time_hour is the local hour"""
        local = pl.col("time_hour").dt.convert_time_zone("America/New_York")
        same = [getattr(local.dt, part)() == pl.col(part) for part in ("year", "month", "day", "hour")]
        return data.lazyframe.select(pl.all_horizontal(same))

    @pa.dataframe_check(raise_warning=True)
    def measured(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """temperature, dew point, humidity and wind were measured"""
        values = ("temp", "dewp", "humid", "wind_speed")
        return data.lazyframe.select(pl.all_horizontal(pl.col(value).is_not_null() for value in values))

    @pa.dataframe_check(raise_warning=True)
    def pressure_measured(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """the pressure was measured"""
        return data.lazyframe.select(pl.col("pressure").is_not_null())

    @pa.dataframe_check(raise_warning=True)
    def wind_direction(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a wind of 7 mph or more has a direction, as lighter ones need not"""
        return data.lazyframe.select((pl.col("wind_speed") < 7) | pl.col("wind_dir").is_not_null())

    @pa.dataframe_check(raise_warning=True)
    def steady_temperature(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """the temperature is within 25 °F of the median of the five hours around it"""
        around = pl.col("temp").rolling_median(5, center=True, min_samples=1).over("origin", order_by="time_hour")
        return data.lazyframe.select((pl.col("temp") - around).abs() <= 25)

    @pa.dataframe_check(raise_warning=True)
    def every_hour(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """all three stations report every hour of the day"""
        midnight = pl.col("time_hour").dt.convert_time_zone("America/New_York").dt.truncate("1d").min()
        hours = (midnight.dt.offset_by("1d") - midnight).dt.total_hours()  # 23 or 25 when the clocks change
        return data.lazyframe.select((pl.len() == 0) | (pl.len() >= 3 * hours))
