"""Whose heart beats is alive, and nobody takes its place."""

from __future__ import annotations

import os
import time

import pytest
from pyarrow import fs

from batch.maintenance.heartbeats import DEAD_AFTER, WriterAliveError, wait_until_dead

INSTANT = "20260105000000000"


def beaten(folder, ago_s):
    heartbeat = folder / ".hoodie" / ".heartbeat" / INSTANT
    heartbeat.parent.mkdir(parents=True)
    heartbeat.touch()
    then = time.time() - ago_s
    os.utime(heartbeat, (then, then))
    return then


def test_no_heartbeat_is_a_dead_writer(tmp_path):
    wait_until_dead(fs.LocalFileSystem(), str(tmp_path), [INSTANT], 0)


def test_an_old_heartbeat_is_a_dead_writer(tmp_path):
    beaten(tmp_path, DEAD_AFTER.total_seconds() + 1)
    wait_until_dead(fs.LocalFileSystem(), str(tmp_path), [INSTANT], 0)


def test_a_fresh_heartbeat_is_waited_for(tmp_path):
    then = beaten(tmp_path, DEAD_AFTER.total_seconds() - 2)
    wait_until_dead(fs.LocalFileSystem(), str(tmp_path), [INSTANT], 60)
    assert time.time() - then > DEAD_AFTER.total_seconds()


def test_who_lives_is_named(tmp_path):
    beaten(tmp_path, 0)
    with pytest.raises(WriterAliveError, match=INSTANT):
        wait_until_dead(fs.LocalFileSystem(), str(tmp_path), [INSTANT], 0)
