"""Compiled kernels over bytes: integers only, no Python objects, one signature each."""
