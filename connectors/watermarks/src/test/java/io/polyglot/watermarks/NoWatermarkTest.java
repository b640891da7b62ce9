package io.polyglot.watermarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;

class NoWatermarkTest {
  @Test
  void rowsPassAndTheOutputStaysIdle() throws Exception {
    try (var marks = new OneInputStreamOperatorTestHarness<>(new NoWatermark<String>())) {
      marks.setup(StringSerializer.INSTANCE);
      marks.open();
      marks.processElement("a", 5);
      marks.processWatermark(7);
      marks.processWatermarkStatus(WatermarkStatus.IDLE);
      marks.processWatermarkStatus(WatermarkStatus.ACTIVE);
      marks.processElement("b", 3);
      marks.processWatermark(Watermark.MAX_WATERMARK);
      assertThat(marks.getOutput())
          .containsExactly(WatermarkStatus.IDLE, new StreamRecord<>("a", 5L), new StreamRecord<>("b", 3L));
    }
  }
}
