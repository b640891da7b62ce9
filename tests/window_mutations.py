"""How the window fold is broken on purpose: law, file, what keeps it, what breaks it, tests (``mutations.py``)."""

from __future__ import annotations

WINDOW_FOLD, WINDOW_PARTS = "tests/property/test_window_fold.py", "tests/property/test_window_parts.py"
DECLARED = "tests/property/test_declared.py"
COLD_CASES = "tests/unit/windows/test_cold.py"
WINDOW_CASES = "tests/unit/windows/test_windows.py"

OF_WINDOWS = (
    (
        "law 4: a record that was delivered before does not count again",
        "udfs/windows/sequence.py",
        "if order <= last:",
        "if order < last:",
        (WINDOW_FOLD,),
    ),
    (
        "law 4: numbers begin anew with the ingest date",
        "udfs/windows/sequence.py",
        "if last >= 0 and last >> at.SEQ_BITS == date else 0",
        "if last >= 0 else 0",
        (WINDOW_CASES,),
    ),
    (
        "law 5: of equal event times the order decides which is last",
        "udfs/windows/reduce.py",
        "return time > rows[mark] or (time == rows[mark] and order > rows[mark + at.MARK_ORDER])",
        "return time >= rows[mark]",
        (WINDOW_PARTS,),
    ),
    (
        "law 5: sums carry from word to word",
        "udfs/windows/words.py",
        "carry = over",
        "carry = _ZERO",
        (WINDOW_FOLD,),
    ),
    (
        "law 5: a vwap is rounded half to even",
        "udfs/windows/words.py",
        "and (q0 & _ONE) == _ONE)",
        "and (q0 & _ONE) == _ZERO)",
        (WINDOW_CASES, WINDOW_FOLD),
    ),
    (
        "law 5: the first result comes at the watermark",
        "udfs/windows/due.py",
        "s.lengths[key & at.LEVEL_MASK] > mark:",
        "s.lengths[key & at.LEVEL_MASK] >= mark:",
        (WINDOW_CASES,),
    ),
    (
        "law 5: a window with a revision is asked for",
        "udfs/windows/revisions.py",
        "|= at.CHANGED | at.REVISED",
        "|= at.CHANGED",
        (WINDOW_CASES,),
    ),
    (
        "law 5: declared columns of a first record are all of that one",
        "udfs/windows/reducers.py",
        "took = _is_marked(s, target, what, new, values[at.R_TIME], values[at.R_ORDER])",
        "took = _is_marked(s, target, what, new, values[at.R_TIME], values[at.R_ORDER]) or what == FIRST",
        (DECLARED,),
    ),
    (
        "law 5: declared numbers have signs",
        "udfs/windows/reducers.py",
        "return left[x + k] < right[y + k]",
        "return np.uint64(left[x + k]) < np.uint64(right[y + k])",
        (DECLARED,),
    ),
    (
        "law 5: declared windows are merged by their own marks",
        "udfs/windows/reducers.py",
        "v = ops[k + SOURCE] if w < 0 else w + ops[k + TARGET]",
        "v = ops[k + SOURCE] if w < 0 or what == ALSO else w + ops[k + TARGET]",
        (DECLARED,),
    ),
    (
        "law 2: a declared number that is too wide for its contract stops the job",
        "udfs/windows/fields.py",
        "if what == DECIMAL and not _fits(",
        "if what == PLAIN and not _fits(",
        (DECLARED,),
    ),
    (
        "law 6: a window is kept by its entity's newest ingest time",
        "udfs/windows/reduce.py",
        "max(s.entities[e + at.E_WATER], record[at.R_INGEST])",
        "max(s.entities[e + at.E_WATER], record[at.R_INGEST] + 30_000_000)",
        (WINDOW_FOLD,),
    ),
    (
        "law 6: a window is kept for the horizon and twice the skew",
        "udfs/windows/definition.py",
        "return self.horizon + 2 * self.max_skew",
        "return self.horizon + self.max_skew",
        (WINDOW_FOLD,),
    ),
    (
        "law 6: nothing is forgotten that was not told",
        "udfs/windows/sweep.py",
        "s.rows[x + at.FLAGS] & ~at.REVISED == 0 and",
        "s.rows[x + at.FLAGS] & ~at.DIRTY == 0 and",
        (WINDOW_CASES, WINDOW_FOLD),
    ),
    (
        "law 6: what moves back in the table of windows is found again",
        "udfs/windows/index.py",
        "if ((k - home) & mask) >= ((k - hole) & mask):",
        "if ((k - home) & mask) > ((k - hole) & mask):",
        (WINDOW_CASES, WINDOW_FOLD),
    ),
    (
        "law 6: what was not saved is not put away",
        "udfs/windows/packed.py",
        "& ~at.REVISED != 0)",
        "& ~at.REVISED == at.DIRTY)",
        (COLD_CASES,),
    ),
    (
        "law 6: a silent entity that speaks again has its windows back",
        "udfs/windows/quotes.py",
        "return stop(s, at.ASLEEP, i)",
        "pass",
        (WINDOW_FOLD, COLD_CASES),
    ),
    (
        "law 7: a log's window of a silent entity is one of those that are packed",
        "udfs/windows/saving.py",
        "cold.unpack_all(s, set(codes.tolist())) if len(cold) else s",
        "s",
        (COLD_CASES, WINDOW_FOLD),
    ),
    (
        "law 7: a round of slices tells of silent entities, too",
        "udfs/windows/fold.py",
        "self._cold.among(codes.tolist())",
        "self._cold.among(codes.tolist()[1:])",
        (COLD_CASES, WINDOW_FOLD),
    ),
    (
        "law 7: what changed is in the next delta",
        "udfs/windows/reduce.py",
        "if flags & at.CHANGED == 0:",
        "if flags & at.CHANGED != 0:",
        (WINDOW_FOLD,),
    ),
    (
        "law 7: a round of slices and the deltas since are the whole state",
        "udfs/operator.py",
        "self._needed, self._round = self._round, None",
        "self._needed, self._round = self._next - 1, None",
        (WINDOW_FOLD, WINDOW_CASES),
    ),
)
