"""Compiled kernels of the window fold. `layout` is the map of its arrays: begin there."""
