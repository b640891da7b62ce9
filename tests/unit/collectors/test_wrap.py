import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collectors.block import assigned
from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper, longs
from udfs.wire.avro import write_long
from udfs.wire.envelope import encode_one

LONGS = st.integers(-(1 << 62), (1 << 62) - 1)


@given(st.lists(st.one_of(LONGS, st.integers(0, 300), st.integers(1_700_000_000_000_000, 1_800_000_000_000_000))))
def test_columns_of_longs_are_the_kernels_longs(values):
    assert longs(np.array(values, dtype=np.int64)) == [write_long(value) for value in values]


def test_values_are_the_kernels_bytes():
    sim = Simulator(SimSpec(malformed_share=0.05), 5_000)
    blocks = [*sim.blocks(0), assigned("sim", 1, [1_767_623_400_000_000] * 3, [b"", b"{}", b"x" * 5000])]
    wrapper = Wrapper("sim", sim.source_id)
    for block in blocks:
        expected = [
            encode_one(
                block.event_id[i],
                block.entity_id[i],
                "sim",
                block.channel[i],
                block.receive_us[i] if (time := block.event_time[i]) is None else time,
                "ingest" if time is None else "venue",
                block.receive_us[i],
                sim.source_id,
                block.seq[i],
                block.payload[i],
            )
            for i in range(len(block))
        ]
        assert wrapper.wrap(block) == expected
