import pytest

from collectors.checkpoint import Checkpoint, CheckpointFile

ONE = Checkpoint("sim", "capture:ab", "cluster", 7, "raw.sim.trade.v1", 2, 41)


def test_the_newest_is_read_back_and_no_draft_stays(tmp_path):
    file = CheckpointFile(tmp_path / "collect", "sim", "capture:ab")
    assert file.load() is None
    file.save(ONE)
    newer = Checkpoint("sim", "capture:ab", "cluster", 9, "raw.sim.trade.v1", 2, 43)
    file.save(newer)
    assert CheckpointFile(tmp_path / "collect", "sim", "capture:ab").load() == newer
    assert len(list((tmp_path / "collect").iterdir())) == 1


def test_sources_do_not_share_a_file(tmp_path):
    CheckpointFile(tmp_path, "sim", "capture:ab").save(ONE)
    assert CheckpointFile(tmp_path, "sim", "capture:ac").load() is None
    assert CheckpointFile(tmp_path, "binance_usdm", "capture:ab").load() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source_id": "x"}', '{"other": 1}'])
def test_a_file_that_is_not_ours_counts_as_none(tmp_path, text):
    file = CheckpointFile(tmp_path, "sim", "capture:ab")
    file.save(ONE)
    next(tmp_path.iterdir()).write_text(text)
    assert file.load() is None
