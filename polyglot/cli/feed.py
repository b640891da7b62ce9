"""``polyglot feed``: capture files, live WebSockets, REST answers or the simulator into the raw topics."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit

if TYPE_CHECKING:
    from collectors.reference import Supplement

PANEL = "Data"
EXAMPLES = (
    "polyglot feed binance_usdm --capture usdm_btcusdt.gz",
    "polyglot feed binance_spot --capture day1.gz day2.gz --speed 10",
    "polyglot feed sim --simulate 100000 --seed 7 --manifest expected.json",
    "polyglot feed sim --simulate 1000000 --start now --rate 5000",
    "polyglot feed sim --simulate 100000 --write capture.gz",
    "polyglot feed coinbase --live BTC-USD ETH-USD",
    "polyglot feed binance_spot --backfill trades.json --symbol BTCUSDT",
    "curl -s URL | polyglot feed binance_usdm --backfill - --symbol BTCUSDT",
    "polyglot feed reference --capture CALM.csv --symbol CALM --currency USD",
    "polyglot feed reference --capture actions.json --as-of 2024-05-01T12:00:00Z",
)
_SIMULATED = "Simulator"
_REFERENCE = "Reference data and backfill"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=help_with(feed, *EXAMPLES))(feed)


def feed(
    venue: Annotated[
        str, typer.Argument(help="sim, binance_spot, binance_usdm, binance_coinm, coinbase, kraken or reference.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[F|SYMBOL]...", help="Further files or symbols.")] = None,
    capture: Annotated[list[str] | None, typer.Option(metavar="F", help="Capture file, plain or gzip.")] = None,
    live: Annotated[list[str] | None, typer.Option(metavar="SYMBOL", help="Subscribe to this instrument.")] = None,
    backfill: Annotated[
        list[str] | None, typer.Option(metavar="F", help="Saved REST answer with trades, plain or gzip; - for stdin.")
    ] = None,
    simulate: Annotated[int, typer.Option(metavar="N", min=0, help="Feed N simulated frames.")] = 0,
    speed: Annotated[
        str, typer.Option(metavar="X|max", help="Times the pace of receive times; default max (1 with --start now).")
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on behind what was acknowledged before (else send again).")
    ] = True,
    url: Annotated[str, typer.Option(help="WebSocket endpoint instead of the venue's.")] = "",
    seconds: Annotated[float, typer.Option(help="Live: stop after so many seconds (0: at Ctrl-C).")] = 0.0,
    seed: Annotated[int, typer.Option(rich_help_panel=_SIMULATED)] = 7,
    symbols: Annotated[int, typer.Option(rich_help_panel=_SIMULATED, help="Instruments.")] = 20,
    rate: Annotated[int, typer.Option(rich_help_panel=_SIMULATED, help="Frames per second of event time.")] = 2000,
    start: Annotated[
        str, typer.Option(rich_help_panel=_SIMULATED, help="First event time: now, or ISO 8601 in UTC.")
    ] = "2026-01-05T14:30:00Z",
    late: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of late frames.")] = 0.01,
    late_max: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Late by up to so many seconds.")] = 10.0,
    jitter_ms: Annotated[int, typer.Option(rich_help_panel=_SIMULATED, help="Every frame's delay, at most.")] = 20,
    duplicates: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share that is sent again.")] = 0.005,
    malformed: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share that is broken.")] = 0.002,
    trades: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of trades.")] = 0.4,
    agg_trades: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of aggregate prints.")] = 0.0,
    depth: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of depth updates.")] = 0.02,
    cancels: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of trades taken back.")] = 0.0,
    corrections: Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Share of trades corrected.")] = 0.0,
    clock_offset_ms: Annotated[
        int, typer.Option(rich_help_panel=_SIMULATED, help="What the collector's clock is ahead.")
    ] = 0,
    manifest: Annotated[
        Path | None, typer.Option(rich_help_panel=_SIMULATED, help="Write the exact expected counts here.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(rich_help_panel=_SIMULATED, help="Write a capture file instead of feeding.")
    ] = None,
    symbol: Annotated[
        str, typer.Option(rich_help_panel=_REFERENCE, help="Instrument of a file that does not name it.")
    ] = "",
    currency: Annotated[
        str, typer.Option(rich_help_panel=_REFERENCE, help="Currency of a file that has no column currency.")
    ] = "",
    revision: Annotated[
        int, typer.Option(rich_help_panel=_REFERENCE, min=0, help="Edition of a file without revisions; highest wins.")
    ] = 0,
    as_of: Annotated[
        str,
        typer.Option(
            rich_help_panel=_REFERENCE, help="When it became known, or was received: ISO 8601 in UTC; default: now."
        ),
    ] = "",
    json_output: JsonOption = False,
) -> None:
    """Feed a venue's frames, untouched, into its raw topics.

    A collector that was killed goes on where its last one was acknowledged; nothing is lost, copies are dropped
    downstream.
    """
    from collectors import run  # noqa: PLC0415 - keeps --help instant
    from collectors.reference import Supplement  # noqa: PLC0415
    from collectors.sim import SimSpec  # noqa: PLC0415
    from schemas.domains import domains  # noqa: PLC0415

    console, extra = Console(json_output=json_output), more or []
    if venue not in domains().venues:
        raise _usage(f"no such venue: {venue}", f"Venues: {', '.join(domains().venues)}")
    if sum(map(bool, (capture, live, backfill, simulate))) != 1:
        raise _usage(
            "say where the frames come from", "One of --capture F, --live SYMBOL, --backfill F or --simulate N."
        )
    files, instruments = [*(capture or backfill or []), *extra], [*(live or []), *extra]
    if simulate:
        if venue != "sim" or extra:
            raise _usage("only the venue sim is simulated, and it takes no names", "polyglot feed sim --simulate N")
        try:
            spec = SimSpec(
                seed=seed,
                symbols=symbols,
                rate=rate,
                start_us=_start(start),
                trade_share=trades,
                agg_trade_share=agg_trades,
                depth_share=depth,
                late_share=late,
                late_max_s=late_max,
                jitter_ms=jitter_ms,
                duplicate_share=duplicates,
                malformed_share=malformed,
                clock_offset_ms=clock_offset_ms,
                cancel_share=cancels,
                correct_share=corrections,
            )
        except ValueError as error:
            raise _usage(str(error)) from error
        if write:
            report = run.write_capture(spec, simulate, write, console)
        else:
            pace = run.pace(speed or ("1" if start == "now" else "max"), wall_clock=start == "now")
            report = run.feed_simulated(Settings(), console, spec, simulate, pace=pace, resume=resume)
        if manifest:
            run.write_json(manifest, report["manifest"])
    elif live:
        report = run.feed_live(Settings(), console, venue, instruments, url=url, seconds=seconds)
    else:
        known_at = _instant(as_of, "--as-of") if as_of else None
        supplement = Supplement(symbol, currency, revision, known_at)
        report = _feed_files(console, venue, files, supplement, backfill=bool(backfill), speed=speed, resume=resume)
    _show(console, report)


def _feed_files(
    console: Console, venue: str, files: list[str], supplement: Supplement, *, backfill: bool, speed: str, resume: bool
) -> dict[str, Any]:
    """Feed REST answers, reference data or captures; parts of `supplement` that do not apply are ignored."""
    from collectors import run  # noqa: PLC0415
    from collectors.reference import VENUE  # noqa: PLC0415

    if backfill:
        if not supplement.symbol:
            raise _usage("a REST answer does not name its instrument", "Say which with --symbol.")
        return run.feed_backfill(
            Settings(), console, venue, files, supplement.symbol, received_us=supplement.as_of_us, resume=resume
        )
    paths = [Path(file) for file in files]
    if venue == VENUE:
        return run.feed_reference(Settings(), console, paths, supplement, resume=resume)
    return run.feed_captures(Settings(), console, venue, paths, pace=run.pace(speed or "max"), resume=resume)


def _usage(message: str, hint: str = "") -> CommandError:
    return CommandError(message, hint=hint, code=Exit.USAGE)


def _start(text: str) -> int:
    """Return a start time in whole µs UTC."""
    if text == "now":
        return int(datetime.now(UTC).timestamp() * 1000) * 1000
    return _instant(text, "--start", "now or ")


def _instant(text: str, option: str, alternative: str = "") -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _usage(f"{option}: expected {alternative}an ISO 8601 time, got {text!r}") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def _show(console: Console, report: dict[str, Any]) -> None:
    console.result(report)
    for source in report["sources"]:
        before = f", {source['resumed_after']:,} acknowledged before" if source["resumed_after"] else ""
        console.text(f"{source['name']} ({source['source_id']}): {source['frames']:,} frames{before}")
    if topics := report["topics"]:
        console.table(["topic", "records acknowledged"], [[name, f"{count:,}"] for name, count in topics.items()])
    if expected := report.get("manifest"):
        rows = [[name, f"{expected[name]:,}"] for name in ("frames", "unique", "duplicates", "not_normalized")]
        rows += [[f"normalized {kind}", f"{count:,}"] for kind, count in expected["normalized"].items()]
        rows += [[f"dead letter {reason}", f"{count:,}"] for reason, count in expected["dead_letters"].items()]
        console.table(["expected of this sequence", "count"], rows)
    console.success(
        f"{report['frames']:,} frames, {report['acked']:,} records acknowledged, {report['bytes'] / 1e6:,.1f} MB in "
        f"{report['seconds']:.1f} s: {report['rate']:,.0f} records/s"
    )
