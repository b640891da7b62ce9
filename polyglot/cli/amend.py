"""``polyglot amend``: late events are accepted afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.repair import Session, answer_all, lazily, show
from polyglot.cli.replay import PANEL
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from batch.ranges import Span
    from batch.repair.amend import Found, Late
    from udfs.gate.amendments import Amendment

_EXAMPLES = """\
Examples:

    polyglot amend --entity binance_usdm:BTCUSDT --from 2024-08-08T12:00:00Z --to 2024-08-08T13:00:00Z --dry-run

    polyglot amend --entity binance_usdm:BTCUSDT --from 2024-08-08 --to 2024-08-09

    polyglot amend --entity kraken:XBT/USD --from 2024-08-01 --to 2024-09-01 --horizon 90d --no-repair
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{amend.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(amend)


def amend(
    entity: Annotated[str, typer.Option(help="The entity, e.g. binance_usdm:BTCUSDT.")],
    start: Annotated[str, typer.Option("--from", help="Event time: ISO date or instant (UTC), included.")],
    end: Annotated[str, typer.Option("--to", help="Event time: ISO date or instant (UTC), excluded.")],
    horizon: Annotated[
        str, typer.Option(help="How far behind the entity's newest ingest time: 90s, 12h, 30d.")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be amended.")] = False,
    with_repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Also wait until it came through, and restate the bars.")
    ] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for Bronze, and again for what follows.")] = 900.0,
    json_output: JsonOption = False,
) -> None:
    """Accept events that came too late, by a recorded amendment that every later replay obeys.

    Too late is what was dead-lettered as late, and as behind_dedup_window (a backlog, a backfill). The events are sent
    into their raw topics once more, under ids of their own and with the wider horizon on record; the amendment itself
    goes to amendment.ingestion.v1. Copies of accepted events are left alone, and what is amended already.
    """
    from operations.amending import catch_up, submit  # noqa: PLC0415 - keeps --help instant
    from operations.drain import await_bronze  # noqa: PLC0415
    from operations.tally import settle  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    span, reach = _span(start, end), _horizon(horizon)
    with lazily(settings, console) as session:
        since = await_bronze(settings, console, timeout)
        found = _find(settings, session, entity, span)
        catch_up(settings, found, entity, since)
        what, events, document, settled = _decide(found, entity, span, reach)
        settle(settings, settled)
        _show(console, document)
        if events and not dry_run:
            console.info(f"amendment {what.amendment_id}: {what.events:,} events")
            submit(settings, what, events, found.newest)
            settle(settings, [one.event_id for one in events])
            if with_repair:
                _repair(settings, console, session, events, document, timeout)
    console.result({**document, "dry_run": dry_run})
    verb = "would be amended" if dry_run else "amended"
    console.success(f"{len(events):,} late events {verb}" if events else "there is nothing to amend")


def _span(start: str, end: str) -> Span:
    from batch.ranges import RangeError, Span  # noqa: PLC0415

    try:
        return Span.parse(start, end)
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def _horizon(text: str) -> int:
    """Return µs."""
    from schemas.domains import duration_ms  # noqa: PLC0415
    from udfs.gate.resubmitted import MAX_HORIZON  # noqa: PLC0415
    from udfs.values.times import DAY  # noqa: PLC0415

    try:
        found = 1_000 * duration_ms(text)
    except ValueError as error:
        raise CommandError(f"--horizon: {error}", code=Exit.USAGE) from None
    if not 0 < found <= MAX_HORIZON:
        raise CommandError(f"--horizon: more than 0 and at most {MAX_HORIZON // DAY}d", code=Exit.USAGE)
    return found


def _find(settings: Settings, session: Session, entity: str, span: Span) -> Found:
    from batch.repair.amend import find  # noqa: PLC0415
    from runtime.readers.releases import schedule  # noqa: PLC0415

    scratch = settings.replays_dir / "amend"
    return find(session.get("amend"), settings.lake_uri, scratch, entity, span, rules(settings), schedule(settings))


def _decide(
    found: Found, entity: str, span: Span, horizon: int
) -> tuple[Amendment, list[Late], dict[str, Any], list[str]]:
    """Return the amendment, its events, the numbers that explain it, and the ids that no amendment can take."""
    from batch.repair.amend import within  # noqa: PLC0415
    from udfs.gate.amendments import amendment  # noqa: PLC0415

    assert span.start is not None  # noqa: S101 - both options are required
    assert span.end is not None  # noqa: S101
    events, refused = within(found.open, horizon, found.newest)
    beyond = refused.pop("late", [])
    what = amendment(entity, span.start, span.end, horizon, [one.event_id for one in events])
    document: dict[str, Any] = {
        "entity": entity,
        **span.as_json(),
        "horizon_us": horizon,
        "late": len(found.late),
        "amended_before": len(found.late) - len(found.open),
        "accepted_in_time": len(found.copies),
        "beyond_the_horizon": len(beyond),
        "refused": {reason: len(those) for reason, those in refused.items()},
        "amended": len(events),
        "amendment_id": what.amendment_id if events else None,
    }
    settled = [one.event_id for those in (found.copies, *refused.values()) for one in those]
    settled += [one.event_id for one in found.late if one.event_id in found.amended]
    return what, events, document, settled


def _show(console: Console, document: dict[str, Any]) -> None:
    names = {
        "late": "events in the range that came too late",
        "amended_before": "of these amended before",
        "beyond_the_horizon": "of these beyond the horizon",
        "amended": "of these to amend",
        "accepted_in_time": "late copies of events that were accepted",
    }
    rows = [[text, f"{document[name]:,}"] for name, text in names.items()]
    rows += [[f"of these refused: {reason}", f"{count:,}"] for reason, count in document["refused"].items()]
    console.table(["", "events"], rows)


def _repair(
    settings: Settings,
    console: Console,
    session: Session,
    events: list[Late],
    document: dict[str, Any],
    timeout: float,
) -> None:
    """Wait until the amended events came through; restate their windows, and whatever else asks for it."""
    from batch.repair.requests import coalesce  # noqa: PLC0415
    from operations.drain import drain  # noqa: PLC0415
    from operations.repairs import commit, read_open  # noqa: PLC0415

    drain(settings, console, timeout)
    backlog = read_open(settings)
    # Also where no window asked for it: the request may have been answered before Bronze had the event.
    tasks = coalesce([*backlog.requests, *(request for one in events for request in one.requests())])
    done = answer_all(settings, console, session.get("amend"), tasks)
    commit(settings, backlog)
    show(console, done)
    document["repair"] = [one.as_json() for one in done]
    drain(settings, console, timeout)
