"""What a good airline is."""

import pandera.polars as pa


class Schema(pa.DataFrameModel):
    carrier: str = pa.Field(
        description="Two-letter code",
        str_matches={"pattern": r"^[0-9A-Z]{2}$", "description": "carrier is two capital letters or digits"},
    )
    name: str = pa.Field(description="Name")
