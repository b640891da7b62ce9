"""Where every number of the fold lies: words of windows, entities and records, and the counters.

A window is ``WIDTH`` int64 words in ``State.rows``, an entity ``E_WIDTH`` words in ``State.entities``. Values of more
than 64 bits lie in several words, lowest first, as unsigned. Times are µs UTC.
"""

from __future__ import annotations

from udfs.kernels import delivered

# --- windows: words of a row ------------------------------------------------------------------------------------------
WIDTH = 32
#: ``entity code << LEVEL_BITS | level``; -1: the row is free. The level says which of ``State.lengths``.
KEY = 0
START = 1
#: Events that count in the reductions.
COUNT = 2
#: All contributing events, revisions and cancelled trades among them: the version.
EVENTS = 3
#: What the reducers keep is in between.
REDUCED = 4
#: Row of the next longer window; -1: none.
PARENT = 30
FLAGS = 31
#: The words of a row that a state carries are those before ``PARENT``.
SAVED = PARENT
LEVEL_BITS = 3
LEVEL_MASK = (1 << LEVEL_BITS) - 1

# Trades.
VOLUME = 4  # 2 words, ·1e12
NOTIONAL = 6  # 3 words, ·1e24
BUY_VOLUME = 9  # 2
BUY_NOTIONAL = 11  # 3
HIGH = 14  # 2
LOW = 16  # 2
#: A trade that is first or last: time, order, price (2 words), venue's id (2 words).
OPEN = 18
CLOSE = 24
# Quotes: the last one's time, order and eight words of prices and sizes.
LAST = 4
#: Words of a pick (first or last): time, order, then what is kept of the record.
PICK_TIME, PICK_ORDER, PICK_VALUES = 0, 1, 2
#: Where the id lies in a trade's pick.
PICK_ID = 4

#: Flags: not published since it changed; not saved since it changed; left to repair, because it holds a revision of a
#: trade that the log does not have; holds a revision of a trade that the log had, or waits for.
DIRTY, CHANGED, LEFT, APPLIED = 1, 2, 4, 8
#: Flags of the moment, and those that last.
UNSETTLED, LASTING = DIRTY | CHANGED, LEFT | APPLIED

# --- entities: words --------------------------------------------------------------------------------------------------
E_WIDTH = 8
E_NAME, E_SIZE = 0, 1  # where its name lies in the arena, bytes
#: Newest ingest time: the entity's own clock.
E_MAX_INGEST = 2
#: Newest event time: it decides only when something is published.
E_TIME = 3
#: Row of its newest shortest window, a short cut that is checked before it is used; -1: none; ``COLD``: its windows are
#: packed (`udfs.windows.cold`).
E_CURRENT = 4
COLD = -2
#: Flags: changed since it was saved; of a venue that revises, so its trades are logged.
E_FLAGS = 5
MOVED, LOGGED = 1, 2
#: The shard's newest ingest time when the entity last spoke.
E_HEARD = 6
#: Newest time of a window that no event made: of a revision, or of a restored state.
E_TOP = 7
#: Ingest date and ``entity_seq`` in one integer.
SEQ_BITS, SEQ_MASK = delivered.SEQ_BITS, delivered.SEQ_MASK

# --- a record: words of the scratch -----------------------------------------------------------------------------------
R_WIDTH = 32
R_NAME, R_SIZE = 0, 1  # of the entity in the block
R_TIME, R_INGEST, R_ORDER = 2, 3, 4
R_CODE = 5
#: What a pick keeps of the record: prices and sizes, 2 words each, or price and id.
R_VALUES = 6
R_PRICE, R_ID = 6, 8
R_AMOUNT = 10  # size, 2
R_PRODUCT = 12  # price·size, 3
R_BOUGHT = 15
#: Of a revision: the venue's number of it, and its own event time.
R_REVISION, R_DECIDED = 16, 17

# --- the log of trades ------------------------------------------------------------------------------------------------
#: A second's part of the log, in ``State.chains`` (one per row): its newest trade, its oldest, the newest one that is
#: saved, how many there are, and its revisions; -1: none.
C_WIDTH = 5
C_HEAD, C_TAIL, C_SAVED, C_COUNT, C_REVISED = range(5)
#: A trade, in ``State.tape``: the next older one of its second, time, order, id, price and size as they count, flags.
L_WIDTH = 10
L_NEXT, L_TIME, L_ORDER, L_ID, L_PRICE, L_SIZE, L_FLAGS = 0, 1, 2, 3, 5, 7, 9
#: Flags of a trade: the taker bought; it is cancelled.
BOUGHT, CANCELLED = 1, 2
#: What is revised of a trade, in ``State.revisions``: the next one of its second, the trade's time and id, flags, and
#: the last correction: its revision, event time and order, price and size.
V_WIDTH = 12
V_NEXT, V_TIME, V_ID, V_FLAGS, V_REVISION, V_DECIDED, V_ORDER, V_PRICE, V_SIZE = 0, 1, 2, 4, 5, 6, 7, 8, 10
#: Flag of a revision besides ``CANCELLED``.
CORRECTED = 4

# --- texts in two words -----------------------------------------------------------------------------------------------
#: Up to this many bytes lie in the words themselves, the size in the topmost byte.
SHORT = 15
#: Topmost byte of a longer text: the first word is its place in ``State.texts``, the rest of the second its size.
LONG_TEXT = 255
SIZE_MASK = 0xFFFFFFFF

# --- lists of rows in ``State.lists``: each has as many places as there are rows --------------------------------------
FREE, FRESH, TICKING, CHANGED_ROWS, DUE, ASKED = range(6)
#: Dirty rows that are not due yet, one list per level.
WAITING = 6
LEVELS = 1 << LEVEL_BITS
LISTS = WAITING + LEVELS

# --- counters and settings in ``State.facts``: first how much of each list is used ------------------------------------
CAPACITY = LISTS  # rows that there is room for
ROWS = CAPACITY + 1  # rows ever made: free ones among them
ENTITIES, CHANGED_ENTITIES = ROWS + 1, ROWS + 2
NAME_BYTES, TEXT_BYTES = ROWS + 3, ROWS + 4
HOLES = ROWS + 5  # entries in ``State.holes``
DUPLICATES, LOST, OPENED_NONE = ROWS + 6, ROWS + 7, ROWS + 8
#: Where the sweep is, and rows made since it ran.
HAND, MADE = ROWS + 9, ROWS + 10
#: Why a kernel stopped before the end of a block.
STOPPED = ROWS + 11
NO_ROOM, MALFORMED, ASLEEP = 1, 2, 3
#: Settings: µs that a window is kept after its end; streams with numbers of their own; ingest dates remembered of each;
#: µs that the watermark may be ahead of an entity whose windows it publishes; whether numbers are checked.
KEEP, STREAMS, DATES, FAR, NUMBERED = (ROWS + 12 + k for k in range(5))
#: Watermark, in lengths of each level, at which the waiting windows were last looked at.
LOOKED = ROWS + 17
#: Newest ingest time of the shard; by how much it moves on before an entity is silent; where the look for these is.
SHARD_MAX_INGEST, SILENT, COLD_HAND = (LOOKED + LEVELS + k for k in range(3))
#: Free entries of the log (the first of a chain), and entries ever made; the same of revisions; trades in the log;
#: bytes of the longest id that may be copied when windows are computed anew.
LOG_FREE, LOG_MADE, REVISIONS_FREE, REVISIONS_MADE, IN_LOG, LONGEST = (LOOKED + LEVELS + 3 + k for k in range(6))
FACTS = LOOKED + LEVELS + 9

#: An entry of ``State.holes``: entity code, stream, event time, reason.
HOLE_WIDTH = 4
MISSING, REVISION = 1, 2
