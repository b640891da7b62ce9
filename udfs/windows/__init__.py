"""One window fold: normalized records in, bars out, in the stream and in a batch.

A fold belongs to one shard. It drops what was delivered before, keeps exact reductions per (entity, interval, window)
in flat arrays, and encodes the windows that are due. Where to look:

    fold.py        the operator: process, emit, delta, snapshot, restore
    bars.py        what is declared for bars; quote_bars.py for quote bars
    trades.py, quotes.py, revisions.py   kernels: one record of a block after the other into its windows
    reduce.py      sums, extremes, first and last
    index.py       names and windows found by hashing; sequence.py  the filter of transport duplicates
    due.py         which windows are told now; sweep.py  which are forgotten
    saving.py      the state as bytes; partial.py  partial windows that Spark shuffles and merges
    layout.py, state.py   where every number lies
"""
