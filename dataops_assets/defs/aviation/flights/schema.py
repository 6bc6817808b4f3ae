"""What a good flight is."""

import pandera.polars as pa
import polars as pl


def _minutes(column: str) -> pl.Expr:
    """Minutes after midnight of a time written HHMM."""
    return pl.col(column) // 100 * 60 + pl.col(column) % 100


class Schema(pa.DataFrameModel):
    year: pl.Int16 = pa.Field(description="Local year of the scheduled departure")
    month: pl.Int8 = pa.Field(description="Local month of the scheduled departure", in_range={"min_value": 1, "max_value": 12})
    day: pl.Int8 = pa.Field(description="Local day of the scheduled departure", in_range={"min_value": 1, "max_value": 31})
    dep_time: pl.Int16 = pa.Field(
        description="Local time of departure, HHMM; none if cancelled",
        nullable=True,
        in_range={"min_value": 0, "max_value": 2359},
    )
    sched_dep_time: pl.Int16 = pa.Field(
        description="Scheduled local time of departure, HHMM", in_range={"min_value": 0, "max_value": 2359}
    )
    dep_delay: pl.Int16 = pa.Field(
        description="Delay of the departure, minutes", nullable=True, in_range={"min_value": -60, "max_value": 1440}
    )
    arr_time: pl.Int16 = pa.Field(
        description="Local time of arrival, HHMM", nullable=True, in_range={"min_value": 0, "max_value": 2359}
    )
    sched_arr_time: pl.Int16 = pa.Field(
        description="Scheduled local time of arrival, HHMM", in_range={"min_value": 0, "max_value": 2359}
    )
    arr_delay: pl.Int16 = pa.Field(
        description="Delay of the arrival, minutes; none if cancelled or diverted",
        nullable=True,
        in_range={"min_value": -120, "max_value": 1440},
    )
    carrier: str = pa.Field(description="Two-letter code of the airline")
    flight: pl.Int16 = pa.Field(description="Flight number", ge=1)
    tailnum: str = pa.Field(
        description="Registration of the aircraft",
        nullable=True,
        str_matches={
            "pattern": r"^N[1-9][0-9A-Z]{0,4}$",
            "description": "tailnum is N, a digit but 0, and up to four digits or letters",
        },
    )
    origin: str = pa.Field(description="Airport of departure", isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(
        description="Airport of arrival", str_matches={"pattern": r"^[A-Z]{3}$", "description": "dest is three capital letters"}
    )
    air_time: pl.Int16 = pa.Field(description="Time in the air, minutes", nullable=True, gt=0)
    distance: pl.Int16 = pa.Field(description="Distance between the airports, miles", ge=50)
    hour: pl.Int8 = pa.Field(description="Hour of the scheduled departure")
    minute: pl.Int8 = pa.Field(description="Minute of the scheduled departure", in_range={"min_value": 0, "max_value": 59})
    time_hour: pl.Datetime("us", "UTC") = pa.Field(description="Scheduled hour of departure, UTC")  # type: ignore[valid-type]

    @pa.dataframe_check
    def scheduled_time(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """hour and minute are those of sched_dep_time"""
        return data.lazyframe.select(pl.col("hour").cast(pl.Int16) * 100 + pl.col("minute") == pl.col("sched_dep_time"))

    @pa.dataframe_check
    def utc_hour(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """time_hour is the scheduled local hour"""
        local = pl.col("time_hour").dt.convert_time_zone("America/New_York")
        same = [getattr(local.dt, part)() == pl.col(part) for part in ("year", "month", "day", "hour")]
        return data.lazyframe.select(pl.all_horizontal(same))

    @pa.dataframe_check
    def departure_delay(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """dep_time is sched_dep_time and dep_delay added up, past midnight if need be"""
        due = (_minutes("sched_dep_time") + pl.col("dep_delay")) % (24 * 60)
        return data.lazyframe.select(due == _minutes("dep_time"))

    @pa.dataframe_check
    def arrival_delay(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """arr_time is sched_arr_time and arr_delay added up, past midnight if need be"""
        due = (_minutes("sched_arr_time") + pl.col("arr_delay")) % (24 * 60)
        return data.lazyframe.select(due == _minutes("arr_time"))

    @pa.dataframe_check
    def cancelled_or_flown(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a flight without a time of departure was cancelled: it has no delay, no arrival, no time in the air"""
        nothing = [pl.col(flown).is_null() for flown in ("dep_delay", "arr_time", "arr_delay", "air_time")]
        return data.lazyframe.select(pl.col("dep_time").is_not_null() | pl.all_horizontal(nothing))

    @pa.dataframe_check
    def aircraft_named(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a flight that departed names its aircraft"""
        return data.lazyframe.select(pl.col("dep_time").is_null() | pl.col("tailnum").is_not_null())

    @pa.dataframe_check
    def has_landed(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """when it departed, the aircraft had landed from its flight before"""
        # In minutes of New York: arr_time is that of another time zone.
        departed = _minutes("sched_dep_time") + pl.col("dep_delay")
        landed = (departed + pl.col("air_time")).shift(1).over("tailnum", order_by=[departed, "flight"])
        return data.lazyframe.select(pl.col("tailnum").is_null() | (departed >= landed))

    @pa.dataframe_check
    def one_distance(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """all flights of a route on a day give the same distance"""
        return data.lazyframe.select(pl.col("distance").drop_nulls().n_unique().over("origin", "dest") <= 1)

    @pa.dataframe_check
    def ground_speed(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """the flight was not faster than 700 mph over ground"""
        return data.lazyframe.select(pl.col("distance") * 60.0 / pl.col("air_time") <= 700)

    @pa.dataframe_check
    def arrival_recorded(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a flight that departed has a time of arrival"""
        return data.lazyframe.select(pl.col("dep_time").is_null() | pl.col("arr_time").is_not_null())

    @pa.dataframe_check
    def not_diverted(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """a flight that arrived did so at its destination, with a delay and a time in the air"""
        flown = pl.col("arr_delay").is_not_null() & pl.col("air_time").is_not_null()
        return data.lazyframe.select(pl.col("arr_time").is_null() | flown)

    @pa.dataframe_check(raise_warning=True)
    def cancelled_share(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """at most 20 % of the flights are cancelled"""
        return data.lazyframe.select(pl.col("dep_time").is_null().mean() <= 0.2)


def normalise(flights: pl.LazyFrame) -> pl.LazyFrame:
    """The provider writes midnight as 2400; here it is 0."""
    return flights.with_columns(pl.col("dep_time", "arr_time").replace(2400, 0))
