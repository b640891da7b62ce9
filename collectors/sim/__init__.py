"""The simulated venue ``sim``: Binance USD-M's wire format, seeded, with disorder, copies, late and malformed frames.

A spec names one endless, fixed sequence of frames; a run takes its first N. Nothing but the spec decides about a byte
or a receive time: only integer arithmetic on Philox streams, no clock.
"""

from collectors.sim.source import Simulator
from collectors.sim.spec import DEFAULT_START_US, MAX_ID_STEP, SimSpec

__all__ = ["DEFAULT_START_US", "MAX_ID_STEP", "SimSpec", "Simulator"]
