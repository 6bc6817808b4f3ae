"""What a good airline is."""

import pandera.polars as pa


class Schema(pa.DataFrameModel):
    carrier: str = pa.Field(description="Two-letter code", str_matches=r"^[0-9A-Z]{2}$")
    name: str = pa.Field(description="Name")
