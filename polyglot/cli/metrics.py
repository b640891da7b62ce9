"""``polyglot metrics``: the suite's own counts for Prometheus, printed once or served."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption
from polyglot.cli._signals import until_stopped
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from operations.metrics.counts import Counts

PANEL = "Local stack"
_EXAMPLES = """\
Examples:

    polyglot metrics

    polyglot metrics --serve

    polyglot metrics --json | jq '.[] | select(.name == "polyglot_dead_letters_total")'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{metrics.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(metrics)


def metrics(
    serve: Annotated[bool, typer.Option("--serve", help="Serve them over HTTP until Ctrl-C.")] = False,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port to serve on; default: the setting metrics.port.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Show dead letters, repair requests, amendments, quality rules and lag in the Prometheus text format.

    They are counted in the topics, as `deadletters ls`, `quality` and `status` count them. Flink's own metrics are
    served by the JobManager and the TaskManager: `polyglot status` shows where.
    """
    from operations.metrics.counts import count  # noqa: PLC0415 - keeps --help instant
    from operations.metrics.exposition import families, text  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    counting = partial(count, settings, rules(settings))
    if serve:
        if json_output:
            raise CommandError("--serve has no end, and --json is one document", code=Exit.USAGE)
        _serve(settings, console, counting, host, settings.metrics.port if port is None else port)
        return
    found = counting()
    samples = [sample for family in families(found) for sample in family.samples]
    console.result([{"name": one.name, "labels": one.labels, "value": one.value} for one in samples])
    if not json_output:
        typer.echo(text(found), nl=False)


def _serve(settings: Settings, console: Console, counting: partial[Counts], host: str, port: int) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415

    from operations.metrics.exposition import registry  # noqa: PLC0415
    from runtime.ports import is_free, listener  # noqa: PLC0415

    if not is_free(port, host):
        raise CommandError(f"port {port} is used by {listener(port)}", hint="--port or POLYGLOT_METRICS__PORT moves it")
    server, thread = start_http_server(port, addr=host, registry=registry(counting, settings.metrics.refresh_s))
    console.success(f"http://{host}:{port}/metrics")
    until_stopped().wait()
    server.shutdown()
    server.server_close()
    thread.join()
