"""PyFlink jobs, one module per job; each shows its whole topology, the building blocks are beside it."""

from flink_jobs.worker import collect_garbage_rarely, let_numba_find_print

# Workers unpickle functions of this package before anything of `udfs` is imported: this is the place that comes first.
let_numba_find_print()
collect_garbage_rarely()
