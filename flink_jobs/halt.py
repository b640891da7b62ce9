"""How a kernel ends a job: loudly, and for good.

An exception of a Python worker restarts the job, again and again, for it meets the same record each time. So a kernel
that must stop hands over its message as an element of its own; a map right behind it, in the same task, turns that into
an error that Flink does not restart from. Nothing passes it that came after the message.
"""

from __future__ import annotations

from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway

#: Column of the message; it is the last one, and null while all is well.
HALT = "halt"


def halting(stream: DataStream, kind: TypeInformation, fields: int, uid: str) -> DataStream:
    """Return ``stream`` with the end of the job in it; of the ``fields`` of its rows ``HALT`` is the last."""
    function = get_gateway().jvm.io.polyglot.halt.HaltOnMessage(fields - 1)
    mapped = stream._j_data_stream.map(function, kind.get_java_type_info())  # noqa: SLF001
    return DataStream(mapped.uid(uid).name("halt"))
