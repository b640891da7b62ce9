package io.polyglot.watermarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;

class KeepWatermarkTest {
  @Test
  void everythingPassesInOrder() throws Exception {
    try (var marks = subtask(0, 1)) {
      marks.open();
      marks.processElement("a", 5);
      marks.processWatermark(7);
      marks.processWatermarkStatus(WatermarkStatus.IDLE);
      marks.processElement("b", 3);
      marks.processWatermarkStatus(WatermarkStatus.ACTIVE);
      marks.processWatermark(9);
      assertThat(marks.getOutput())
          .containsExactly(
              row("a", 5), mark(7), WatermarkStatus.IDLE, row("b", 3), WatermarkStatus.ACTIVE, mark(9));
    }
  }

  @Test
  void whatWasRestoredComesBeforeAnyRow() throws Exception {
    try (var marks = restored(state(7L), 0, 1)) {
      marks.processElement("a", 5);
      assertThat(marks.getOutput()).containsExactly(mark(7), row("a", 5));
    }
  }

  @Test
  void whatWasRestoredComesThoughTheInputIsIdle() throws Exception {
    try (var marks = restored(state(7L), 0, 1)) {
      marks.processWatermarkStatus(WatermarkStatus.IDLE);
      assertThat(marks.getOutput()).containsExactly(mark(7), WatermarkStatus.IDLE);
    }
  }

  @Test
  void watermarksUpToTheRestoredOneDoNotPassAgain() throws Exception {
    try (var marks = restored(state(7L), 0, 1)) {
      marks.processWatermark(3);
      marks.processWatermark(7);
      marks.processWatermark(8);
      assertThat(marks.getOutput()).containsExactly(mark(7), mark(8));
    }
  }

  @Test
  void aWatermarkSurvivesARestartInWhichNoneCame() throws Exception {
    OperatorSubtaskState second;
    try (var marks = restored(state(7L), 0, 1)) {
      second = marks.snapshot(2, 2);
    }
    try (var marks = restored(second, 0, 1)) {
      assertThat(marks.getOutput()).containsExactly(mark(7));
    }
  }

  @Test
  void timesBeforeTheEpochAreTimes() throws Exception {
    try (var marks = restored(state(-7L), 0, 1)) {
      assertThat(marks.getOutput()).containsExactly(mark(-7));
    }
  }

  @Test
  void rescaledEverySubtaskHasTheHighestOfAll() throws Exception {
    OperatorSubtaskState two = AbstractStreamOperatorTestHarness.repackageState(state(7L), state(9L), state());
    OperatorSubtaskState one;
    for (int subtask = 0; subtask < 2; subtask++) {
      try (var marks = restored(share(two, 3, 2, subtask), subtask, 2)) {
        assertThat(marks.getOutput()).containsExactly(mark(9));
      }
    }
    try (var marks = restored(share(two, 3, 1, 0), 0, 1)) {
      assertThat(marks.getOutput()).containsExactly(mark(9));
      one = marks.snapshot(2, 2);
    }
    for (int subtask = 0; subtask < 2; subtask++) {
      try (var marks = restored(share(one, 1, 2, subtask), subtask, 2)) {
        assertThat(marks.getOutput()).containsExactly(mark(9));
      }
    }
  }

  @Test
  void theEndOfTheInputPassesAndIsNotKept() throws Exception {
    OperatorSubtaskState drained;
    try (var marks = subtask(0, 1)) {
      marks.open();
      marks.processWatermark(7);
      marks.processWatermark(Watermark.MAX_WATERMARK);
      assertThat(marks.getOutput()).containsExactly(mark(7), Watermark.MAX_WATERMARK);
      drained = marks.snapshot(1, 1);
    }
    try (var marks = restored(drained, 0, 1)) {
      marks.processWatermark(8);
      assertThat(marks.getOutput()).containsExactly(mark(7), mark(8));
    }
  }

  @Test
  void whereThereWasNoWatermarkNothingIsRestored() throws Exception {
    try (var marks = restored(state(), 0, 1)) {
      marks.processElement("a", 5);
      assertThat(marks.getOutput()).containsExactly(row("a", 5));
    }
  }

  /** Return the state of a subtask that has seen these watermarks. */
  private static OperatorSubtaskState state(Long... seen) throws Exception {
    try (var marks = subtask(0, 1)) {
      marks.open();
      for (long time : List.of(seen)) {
        marks.processWatermark(time);
      }
      return marks.snapshot(1, 1);
    }
  }

  private static OperatorSubtaskState share(OperatorSubtaskState all, int before, int now, int subtask) {
    return AbstractStreamOperatorTestHarness.repartitionOperatorState(all, 4, before, now, subtask);
  }

  private static OneInputStreamOperatorTestHarness<String, String> restored(
      OperatorSubtaskState state, int subtask, int parallelism) throws Exception {
    var marks = subtask(subtask, parallelism);
    marks.initializeState(state);
    marks.open();
    return marks;
  }

  private static OneInputStreamOperatorTestHarness<String, String> subtask(int subtask, int parallelism)
      throws Exception {
    var marks = new OneInputStreamOperatorTestHarness<>(new KeepWatermark<String>(), 4, parallelism, subtask);
    marks.setup(StringSerializer.INSTANCE);
    return marks;
  }

  private static StreamRecord<String> row(String value, long time) {
    return new StreamRecord<>(value, time);
  }

  private static Watermark mark(long time) {
    return new Watermark(time);
  }
}
