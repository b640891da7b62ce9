"""Repair requests and late events, answered by bounded replays."""
