"""``quality.toml`` as frozen objects: which rules the records of a topic are held against.

The language is five rule types and three actions, and the limits of what the kernels of adjusted series check by
themselves. Whatever cannot be right is refused here, when the file is loaded,
with the rule's name: a rule that is found wrong by a record at night would be too late.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from schemas.contracts import FOLDER, ContractError, contract
from schemas.domains import domains, duration_ms

Action = Literal["fail", "flag", "stop"]
Order = Literal["<", "<=", "==", "!=", ">=", ">"]
DEFAULT = FOLDER / "quality.toml"
SCALE = 12
#: Columns that kernels derive for a contract, or read from its texts, beyond its decimals. In seconds: ``lag``, ingest
#: time minus event time; ``age``, a revision's event time minus that of its trade.
DERIVED: Mapping[str, tuple[str, ...]] = {
    "trade": ("lag",),
    "quote": ("lag",),
    "trade_cancel": ("lag", "age"),
    "trade_correct": ("lag", "age"),
    "corporate_action": ("amount", "ratio"),
    "daily_close": ("close", "volume", "published_adjusted_close"),
}
#: Topics whose records are normalized in the stream, one by one: any action.
GATED = tuple(DERIVED)
#: Those of them whose records follow each other in time with a price each: rules may remember.
REMEMBERED = ("trade", "quote", "daily_close")
#: Contracts whose every version is a result of its own, so that only a halt is the same in both engines.
RESULTS = ("bar", "quote_bar")
#: Rules that the kernels of adjusted series (``udfs/corporate_actions``) hold by name, per contract, each
#: with the largest limit it may have; None: it has no limit.
ADJUSTMENTS: Mapping[str, Mapping[str, int | None]] = {
    "adjustment_factor": {"dividend_out_of_line": 1, "dividend_exceeds_close": 1, "currency_mismatch": None},
    "adjusted_bar": {"out_of_range": 10**26},
}
#: Topic, name and action, as every rule begins.
Base = tuple[str, str, Action]
_LARGEST = 10 ** (15 + SCALE)


class QualityError(ValueError):
    """The rules cannot be read, or one of them cannot be right."""


@dataclass(frozen=True)
class Rule:
    """What all rules have; ``memory`` is whether the verdict depends on earlier records of the log."""

    topic: str
    name: str
    action: Action

    memory: ClassVar[bool] = False


@dataclass(frozen=True)
class Range(Rule):
    """A column lies in [least, most] (value·1e12; None: unbounded)."""

    field: str
    least: int | None
    most: int | None


@dataclass(frozen=True)
class Compare(Rule):
    """``left must_be times·right`` of one record; ``times`` in thousandths."""

    left: str
    must_be: Order
    right: str
    times: int


@dataclass(frozen=True)
class Monotone(Rule):
    """Event time runs back by at most ``tolerance`` µs behind the newest of the entity."""

    tolerance: int
    memory: ClassVar[bool] = True


@dataclass(frozen=True)
class Staleness(Rule):
    """Event times of an entity that follow each other are at most ``longest`` µs apart."""

    longest: int
    memory: ClassVar[bool] = True


@dataclass(frozen=True)
class Outlier(Rule):
    """The price differs from the entity's previous close by at most ``most_change`` thousandths of that."""

    most_change: int
    memory: ClassVar[bool] = True


@dataclass(frozen=True)
class Adjustment(Rule):
    """A rule of ``ADJUSTMENTS``; its limit is exact, None where it has none."""

    limit: Fraction | None


@dataclass(frozen=True)
class Quality:
    """The rules of every topic, in the order of the file."""

    rules: tuple[Rule, ...]

    def of(self, topic: str) -> tuple[Rule, ...]:
        """Return a topic's rules."""
        return tuple(rule for rule in self.rules if rule.topic == topic)

    def limit(self, name: str) -> Fraction | None:
        """Return the limit of a rule of ``ADJUSTMENTS``; None: it is not declared here."""
        return next((rule.limit for rule in self.rules if isinstance(rule, Adjustment) and rule.name == name), None)


def load(path: Path = DEFAULT) -> Quality:
    """Read the rules.

    Raises:
        QualityError: the file is missing, is no TOML, or a rule cannot be right.
    """
    try:
        return parse(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise QualityError(f"{path} cannot be read: {error}") from None
    except QualityError as error:
        raise QualityError(f"{path}: {error}") from None


@lru_cache(maxsize=1)
def default_quality() -> Quality:
    """Return the rules of ``schemas/quality.toml``, read once."""
    return load()


def parse(text: str) -> Quality:
    """Read rules from TOML text.

    Raises:
        QualityError: see `load`.
    """
    try:
        doc = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise QualityError(f"not TOML: {error}") from None
    found: list[Rule] = []
    for topic, rules in doc.items():
        if not isinstance(rules, dict) or not all(isinstance(spec, dict) for spec in rules.values()):
            raise QualityError(f'{topic}: expected tables ["<topic>".<rule>]')
        found += [_Reader(topic, name, spec).rule() for name, spec in rules.items()]
    return Quality(tuple(found))


class _Reader:
    """Reads one rule's table; every error names the rule."""

    def __init__(self, topic: str, name: str, spec: dict[str, Any]) -> None:
        self._label, self._name, self._topic, self._spec = f"{topic} {name}", name, topic, dict(spec)
        if not name.isidentifier() or name != name.lower():
            raise self._wrong(f"a rule's name is lower case, digits and _; got {name!r}")
        if topic.startswith("raw."):
            raise self._wrong(
                "raw topics have no rules: what failed here would be missing in Bronze, where replays begin"
            )
        if topic not in domains().topics:
            raise self._wrong("no such topic in domains.toml")
        self._contract = domains().topics[topic].contract
        if self._contract not in (*GATED, *RESULTS, *ADJUSTMENTS):
            raise self._wrong(f"rules are for topics of {', '.join((*GATED, *RESULTS, *ADJUSTMENTS))}")

    def _wrong(self, message: str) -> QualityError:
        return QualityError(f"rule {self._label}: {message}")

    def rule(self) -> Rule:
        """Return the rule."""
        kind, action = self._take("type"), self._action()
        if kind not in _KINDS:
            raise self._wrong(f"type: expected one of {', '.join(_KINDS)}, got {kind!r}")
        if (kind == "adjustment") != (self._contract in ADJUSTMENTS):
            raise self._wrong("rules of adjusted series, and no others, have the type adjustment")
        rule = _KINDS[kind](self, (self._topic, self._name, action))
        if self._spec:
            raise self._wrong(f"{kind} has no {', '.join(sorted(self._spec))}")
        if rule.memory and action == "fail":
            raise self._wrong(
                f"{kind} looks at earlier records, so it may flag or stop; only content may reject (law 3)"
            )
        if rule.memory and self._contract not in REMEMBERED:
            raise self._wrong(f"{kind} is for topics of {', '.join(REMEMBERED)}")
        if self._contract in RESULTS and action != "stop":
            raise self._wrong("results are recomputed with every event: the only action here is stop")
        return rule

    def _take(self, key: str, default: str | None = None) -> str:
        value = self._spec.pop(key, default)
        if value is None:
            raise self._wrong(f"{key} is missing")
        if not isinstance(value, str):
            raise self._wrong(f"{key}: expected a text, got {value!r}")
        return value

    def _action(self) -> Action:
        value = self._take("action")
        for action in get_args(Action):
            if action == value:
                found: Action = action
                return found
        raise self._wrong(f"action: expected fail, flag or stop, got {value!r}")

    def column(self, key: str) -> str:
        """Return a column that the topic's records have as a number."""
        name, known = self._take(key), columns(self._contract)
        if name not in known:
            raise self._wrong(f"{key}: expected one of {', '.join(known)}, got {name!r}")
        return name

    def order(self, key: str) -> Order:
        """Return a comparison."""
        value = self._take(key)
        for order in get_args(Order):
            if order == value:
                found: Order = order
                return found
        raise self._wrong(f"{key}: expected one of {' '.join(get_args(Order))}, got {value!r}")

    def duration(self, key: str) -> int:
        """Return a duration in µs."""
        try:
            millis = duration_ms(self._take(key))
        except ValueError as error:
            raise self._wrong(f"{key}: {error}") from None
        if millis < 0:
            raise self._wrong(f"{key}: expected a duration")
        return millis * 1_000

    def bound(self, key: str) -> int | None:
        """Return a decimal as value·1e12; None when it is not given."""
        return self._scaled(key, SCALE, _LARGEST) if key in self._spec else None

    def thousandths(self, key: str, default: str | None, most: int) -> int:
        """Return a decimal of three places in 0..most, as value·1000."""
        if default is not None:
            self._spec.setdefault(key, default)
        found = self._scaled(key, 3, most * 1_000)
        if found < 0:
            raise self._wrong(f"{key}: expected 0 to {most}")
        return found

    def _scaled(self, key: str, places: int, most: int) -> int:
        text = self._take(key)
        try:
            value = Decimal(text).scaleb(places)
            number = int(value)
        except (InvalidOperation, ValueError, OverflowError):
            raise self._wrong(f"{key}: expected a decimal as text, got {text!r}") from None
        if number != value or abs(number) > most:
            raise self._wrong(
                f"{key}: expected at most {places} decimals and {Decimal(most).scaleb(-places):f}, got {text!r}"
            )
        return number

    def range(self, base: Base) -> Range:
        """Read a `Range`."""
        rule = Range(*base, self.column("field"), self.bound("least"), self.bound("most"))
        if rule.least is None and rule.most is None:
            raise self._wrong("least or most is missing")
        if rule.least is not None and rule.most is not None and rule.least > rule.most:
            raise self._wrong("least is above most")
        return rule

    def compare(self, base: Base) -> Compare:
        """Read a `Compare`."""
        left, order, right = self.column("left"), self.order("must_be"), self.column("right")
        return Compare(*base, left, order, right, self.thousandths("times", "1", 9))

    def monotone(self, base: Base) -> Monotone:
        """Read a `Monotone`."""
        return Monotone(*base, self.duration("tolerance"))

    def staleness(self, base: Base) -> Staleness:
        """Read a `Staleness`."""
        return Staleness(*base, self.duration("longest"))

    def outlier(self, base: Base) -> Outlier:
        """Read an `Outlier`."""
        return Outlier(*base, self.thousandths("most_change", None, 8))

    def adjustment(self, base: Base) -> Adjustment:
        """Read an `Adjustment`."""
        known = ADJUSTMENTS[self._contract or ""]
        if self._name not in known:
            raise self._wrong(f"the kernel knows {', '.join(known)}")
        if base[2] != "flag":
            raise self._wrong("the kernel marks its results: the only action here is flag")
        most = known[self._name]
        return Adjustment(*base, None if most is None else self.share("limit", most))

    def share(self, key: str, most: int) -> Fraction:
        """Return a decimal in 0..most, exact."""
        text = self._take(key)
        try:
            found = Fraction(Decimal(text))
        except (InvalidOperation, ValueError, OverflowError):
            raise self._wrong(f"{key}: expected a decimal as text, got {text!r}") from None
        if not 0 <= found <= most:
            raise self._wrong(f"{key}: expected 0 to {most}, got {text!r}")
        return found


_KINDS: Mapping[str, Callable[[_Reader, Base], Rule]] = {
    "range": _Reader.range,
    "compare": _Reader.compare,
    "monotone": _Reader.monotone,
    "staleness": _Reader.staleness,
    "outlier": _Reader.outlier,
    "adjustment": _Reader.adjustment,
}


def columns(name: str) -> tuple[str, ...]:
    """Return what rules may look at in records of a contract: its decimals of 12 places, and what kernels derive."""
    try:
        fields = contract(name).schema["fields"]
    except ContractError:
        fields = []
    decimals = (f["name"] for f in fields if isinstance(f["type"], dict) and f["type"].get("scale") == SCALE)
    return (*decimals, *DERIVED.get(name, ()))
