"""PyFlink jobs, one module per job; each shows its whole topology, the building blocks are beside it."""
