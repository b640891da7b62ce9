"""One window fold: normalized records in, bars out, in the stream and in a batch.

A fold belongs to one shard. It drops what was delivered before, keeps exact reductions per (entity, interval, window)
in flat arrays, and encodes the windows that are due. Where to look:

    fold.py             the operator: process, emit, delta, slice, snapshot, restore
    definition.py       what is declared: sources, windows, kernels, contract; declared.py  results without own kernels
    result_rules.py     data-quality rules over finished records; bar_objects.py  finished bars as objects
    saving.py, trade_log_saving.py   the state as bytes; room.py  larger arrays
    cold.py             entities that fell silent, packed
    partial.py          windows of a batch, folded in parts and merged

    kernels/layout.py, state.py      where every number lies
    kernels/trades.py, quotes.py, revising.py, revised.py   one record of a block after the other into its windows
    kernels/trade_log.py, applying.py   the newest trades of venues that revise, and revisions applied to them
    kernels/reduce.py   sums, extremes, first and last; words.py  integers of 128 and 192 bits
    kernels/delivery.py the filter of transport duplicates; index.py  names and windows found by hashing
    kernels/due.py      which windows are published now; sweep.py  which are forgotten
    kernels/bars.py, quote_bars.py   windows become records; reducers.py, fields.py  the same by declaration
    kernels/merging.py, packed.py    windows merged; windows of silent entities as a few bytes
"""
