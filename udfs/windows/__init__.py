"""One window fold: normalized records in, bars out, in the stream and in a batch.

A fold belongs to one shard. It drops what was delivered before, keeps exact reductions per (entity, interval, window)
in flat arrays, and encodes the windows that are due. Where to look:

    fold.py         the operator: process, emit, delta, slice, snapshot, restore
    definition.py   what is declared: sources, windows, kernels, contract
    trades.py, quotes.py, revisions.py, revised.py   kernels: one record of a block after the other into its windows
    log.py, applying.py   the newest trades of venues that revise, and revisions applied to them
    reduce.py       sums, extremes, first and last; words.py  integers of 128 and 192 bits
    sequence.py     the filter of transport duplicates; index.py  names and windows found by hashing
    due.py          which windows are told now; sweep.py  which are forgotten
    declared.py, reducers.py, fields.py   results that are declared: columns, a table of reducers, a contract's fields
    bars.py, quote_bars.py   kernels: windows become records; checks.py  data-quality rules over them
    cold.py, packed.py   entities that fell silent, packed
    saving.py, log_saving.py   the state as bytes; room.py  larger arrays
    partial.py, merging.py   windows of a batch, folded in parts and merged
    layout.py, state.py      where every number lies
"""
