"""The parameters of a simulated venue."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from schemas.domains import domains, raw_topic

VENUE = "sim"
#: 2026-01-05T14:30:00Z.
DEFAULT_START_US = 1_767_623_400_000_000
MIN_DELAY_US = 2_000
RESEND_MAX_US = 3_000_000
MAX_SYMBOLS = 100_000
#: How far the update id of an instrument's frame is ahead of the one before, at most.
MAX_ID_STEP = 16


@dataclass(frozen=True)
class SimSpec:
    """One endless, fixed sequence of frames. Shares are of the frames before copies; times in the unit of their name.

    ``rate`` is frames per second of event time; ``late_share`` of the frames arrive up to ``late_max_s`` late (and
    are accepted); every frame is up to ``jitter_ms`` late, so event time runs backwards now and then;
    ``duplicate_share`` is sent again within 3 s; ``clock_offset_ms`` is what the collector's clock is ahead of the
    venue's. ``cancel_share`` of the good trades are taken back, ``correct_share`` get a new price and size, 1 to 10 s
    after the trade (see ``revisions``).

    Raises:
        ValueError: a share is outside 0…1, or frames that should be accepted would miss the topics' skew or horizon.
    """

    seed: int = 7
    symbols: int = 20
    rate: int = 2000
    start_us: int = DEFAULT_START_US
    trade_share: float = 0.4
    agg_trade_share: float = 0.0
    depth_share: float = 0.02
    late_share: float = 0.01
    late_max_s: float = 10.0
    jitter_ms: int = 20
    duplicate_share: float = 0.005
    malformed_share: float = 0.002
    clock_offset_ms: int = 0
    cancel_share: float = 0.0
    correct_share: float = 0.0

    def __post_init__(self) -> None:
        shares = {
            "trade + aggTrade + depth share": self.trade_share + self.agg_trade_share + self.depth_share,
            "late share": self.late_share,
            "duplicate share": self.duplicate_share,
            "malformed share": self.malformed_share,
            "cancel + correct share": self.cancel_share + self.correct_share,
        }
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {value}")
        if not 1 <= self.rate <= 10_000_000:
            raise ValueError(f"rate: expected 1 to 10,000,000 frames per second, got {self.rate}")
        if not 1 <= self.symbols <= MAX_SYMBOLS:
            raise ValueError(f"symbols: expected 1 to {MAX_SYMBOLS:,}, got {self.symbols}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"seed: expected 0 to 2^64 - 1, got {self.seed}")
        topic = domains().topics[raw_topic(VENUE, "trade")]
        # A millisecond more: venue times are cut to whole milliseconds.
        delays = (MIN_DELAY_US + RESEND_MAX_US) / 1000 + self.jitter_ms + self.late_max_s * 1000
        behind = delays + self.clock_offset_ms + 1
        if behind > topic.horizon_ms or self.jitter_ms < 0 or self.late_max_s < 0:
            raise ValueError(
                f"delays of up to {behind:.0f} ms (jitter, lateness, resend, clock) do not fit the horizon of "
                f"{topic.horizon_ms} ms"
            )
        if -self.clock_offset_ms > topic.max_skew_ms:
            raise ValueError(f"clock offset: the topics allow at most {topic.max_skew_ms} ms behind the venue")

    @property
    def id_offset(self) -> int:
        """Return what the venue's ids are ahead of those of the default start: a later sequence has later ids.

        One per ms, so sequences at different times share ids only where an instrument takes more than 1,000 a second,
        of which a quote takes up to `MAX_ID_STEP`.
        """
        return (self.start_us - DEFAULT_START_US) // 1000 % 10**12

    @property
    def source_id(self) -> str:
        """Return the name of this sequence: equal specs, equal frames, equal name."""
        # What came later and is not used must not rename the sequences that were there before.
        later = ("cancel_share", "correct_share")
        used = {name: value for name, value in asdict(self).items() if name not in later or value}
        text = json.dumps(used, sort_keys=True)
        return f"sim:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
