"""Convergence under fire: faults on the real stack by a seeded plan, and the proof afterwards."""
