"""When areas were last read past us, learned from the server access logs of their bucket.

A line tells one request. Its first fields are: owner of the bucket, bucket, [time], address, requester, request id, operation,
key (percent-encoded), "request", status. Source: Amazon S3 User Guide, "Amazon S3 server access log format". They are late, and
S3 does not promise that all do: where none came for two days, what was read is not known; and what is not known is kept.

Here: what a log says. Not here: what follows (`plan`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.registry import RECORD
from dataops_assets.storage.errors import in_words
from dataops_assets.storage.store import Entry, Store

_LATE = timedelta(days=2)
_LINE = re.compile(
    r'\S+ (?P<bucket>\S+) \[(?P<time>[^\]]+)\] \S+ \S+ \S+ (?P<operation>\S+) (?P<key>\S+) "[^"]*" (?P<status>\S+) '
)
_READS = ("REST.GET.OBJECT", "REST.COPY.OBJECT_GET", "REST.SELECT.OBJECT")


class Unreadable(ValueError):
    """A log is not of the form that is known. The message says where."""


@dataclass
class AccessLogs:
    """What the logs of a bucket tell of the areas in it; read once, when it is asked for first.

    Attributes:
        logs: The store that they lie in.
        below: The prefix that they lie below.
        bucket: The bucket of the areas.
        prefix: What comes before their paths in its keys; empty, or ends with a slash.
        since: From when on they are read: what was read before counts for nobody.
        now: Tells the time.
    """

    logs: Store
    below: str
    bucket: str
    prefix: str
    since: datetime
    now: Callable[[], datetime]
    _found: tuple[dict[str, datetime], str] | None = field(default=None, init=False)

    def read_at(self, area: Area) -> tuple[datetime | None, str]:
        """When something in an area was last read, and what is not known of that, in words; empty if all is."""
        if self._found is None:
            self._found = self._read()
        reads, unknown = self._found
        return reads.get(area.path), unknown

    def late(self) -> str:
        """Why they do not tell what was read of late, in words; empty if they do.

        Raises:
            OSError: They cannot be listed.
        """
        return self._late(max((entry.modified_ns for entry in self.logs.list(self.below)), default=0))

    def _late(self, newest_ns: int) -> str:
        newest = datetime.fromtimestamp(newest_ns / 1e9, UTC)
        if self.now() - newest <= _LATE:
            return ""
        last = f"the last came on {newest:%Y-%m-%d}" if newest_ns else "there are none"
        return f"access logs do not come to {self.logs.address(self.below)}: {last}"

    def _read(self) -> tuple[dict[str, datetime], str]:
        reads: dict[str, datetime] = {}
        newest = 0
        try:
            for entry in self.logs.list(self.below):
                newest = max(newest, entry.modified_ns)
                if datetime.fromtimestamp(entry.modified_ns / 1e9, UTC) >= self.since:
                    for path, at in self._reads(entry):
                        reads[path] = max(at, reads.get(path, at))
        except OSError as error:
            return {}, f"who has read it: {in_words(error)}"
        except Unreadable as error:
            return {}, f"who has read it: {error}"
        late = self._late(newest)
        return reads, f"who has read it: {late}" if late else ""

    def _reads(self, entry: Entry) -> Iterator[tuple[str, datetime]]:
        """The areas that one log says were read, and when."""
        for number, line in enumerate((self.logs.read(entry.key) or b"").decode(errors="replace").splitlines(), 1):
            where = f"{self.logs.address(entry.key)}:{number}"
            found = _LINE.match(line)
            if found is None:
                raise Unreadable(f"{where} is no line of a server access log")
            key = unquote(found["key"])
            if found["bucket"] != self.bucket or found["operation"] not in _READS or not key.startswith(self.prefix):
                continue
            kind, _, rest = key[len(self.prefix) :].partition("/")
            name, _, below = rest.partition("/")
            if found["status"].startswith(("2", "3")) and below not in ("", RECORD):  # we read the record ourselves
                try:
                    yield f"{kind}/{name}", datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
                except ValueError as error:
                    raise Unreadable(f"{where}: {error}") from error
