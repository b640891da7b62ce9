package io.polyglot.watermarks;

import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Passes everything on, and remembers the watermark across restarts.
 *
 * <p>Flink checkpoints no watermarks. Windows whose state a watermark has dropped would begin anew after a restart, with
 * the rows that come then and without those that were dropped, until the watermark is back; and nobody would know. So
 * the highest watermark is kept as operator state, and emitted when the operator opens, before any row.
 *
 * <p>Every subtask restores the highest watermark of all subtasks: after rescaling nobody can say whose rows a subtask
 * gets. Windows downstream have the least of their inputs' watermarks, so what they have dropped is never ahead of that
 * one. A subtask that was behind is set ahead thereby. That is never wrong: a row behind the watermark is late, by which
 * a window that is still there fires again, and of which one that is gone is told. Being behind is what is wrong.
 *
 * <p>Rows are not touched, and cost a virtual call.
 */
public final class KeepWatermark<T> extends AbstractStreamOperator<T> implements OneInputStreamOperator<T, T> {
  private static final long serialVersionUID = 1L;
  private static final String STATE = "watermark";

  private transient ListState<Long> saved;
  private transient long highest;

  @Override
  public void initializeState(StateInitializationContext context) throws Exception {
    super.initializeState(context);
    saved = context.getOperatorStateStore().getUnionListState(new ListStateDescriptor<>(STATE, Types.LONG));
    highest = Watermark.UNINITIALIZED.getTimestamp();
    for (long restored : saved.get()) {
      highest = Math.max(highest, restored);
    }
  }

  /** Emits what was restored: operators downstream in this task are open already, the others read it first. */
  @Override
  public void open() throws Exception {
    super.open();
    if (highest != Watermark.UNINITIALIZED.getTimestamp()) {
      output.emitWatermark(new Watermark(highest));
    }
  }

  @Override
  public void processElement(StreamRecord<T> row) {
    output.collect(row);
  }

  /** Lets a watermark pass that is above all before it, whether seen or restored: an output's watermarks must rise. */
  @Override
  public void processWatermark(Watermark mark) throws Exception {
    if (mark.getTimestamp() == Watermark.MAX_WATERMARK.getTimestamp()) {
      // The end of the input, not of event time: a job that is started again from a drained one's savepoint goes on.
      super.processWatermark(mark);
    } else if (mark.getTimestamp() > highest) {
      highest = mark.getTimestamp();
      super.processWatermark(mark);
    }
  }

  @Override
  public void snapshotState(StateSnapshotContext context) throws Exception {
    super.snapshotState(context);
    saved.update(highest == Watermark.UNINITIALIZED.getTimestamp() ? List.of() : List.of(highest));
  }
}
