"""Coverage-guided fuzzing of the reader of deliveries, by atheris: `make soak`, or

    python -m dataops_assets_tests.fuzz.fuzz_reading -max_total_time=60 -seed=1

Any exception that is no `DeliveryError` ends it, and the input that made it is kept as `crash-…`; given as an argument, it is
tried again. Parquet is not fuzzed here: its reader is native, and tried in a process of its own (`try_apart`).
"""

import gzip
import io
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: it exists for Linux on x86_64 only")

with atheris.instrument_imports(include=["dataops_assets.gate.reading", "csv", "json", "gzip", "zipfile"]):
    from dataops_assets.contract import Source
    from dataops_assets.gate.reading import DeliveryError, read_text

CSV = b'a,b\n1,"x ""y"""\n2,\n'
PACKED = io.BytesIO()
with zipfile.ZipFile(PACKED, "w") as archive:
    archive.writestr(zipfile.ZipInfo("a"), CSV)
GOOD = {
    "csv": CSV,
    "csv.gz": gzip.compress(CSV, mtime=0),
    "csv.zip": PACKED.getvalue(),
    "ndjson": b'{"a": 1, "b": [{}, null]}\n{"b": "x"}\n',
}
SOURCES = [Source(provider="them", files=f"*.{form}", null_values=("", "NA")) for form in GOOD]
FOLDER = Path(tempfile.mkdtemp())
FILE = FOLDER / "a"


def one(content: bytes) -> None:
    """Read one input; its first byte chooses the format."""
    FILE.write_bytes(content[1:])
    try:
        read_text([FILE], ["a"], SOURCES[content[0] % len(SOURCES) if content else 0])
    except DeliveryError:
        return


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    again = any(not argument.startswith("-") for argument in sys.argv[1:])
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for number, content in enumerate(GOOD.values()):
        (corpus / str(number)).write_bytes(bytes([number]) + content)
    atheris.Setup(sys.argv if again else [*sys.argv, str(corpus)], one)
    atheris.Fuzz()
