package io.polyglot.blocks;

import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** One field of bytes of the rows that have it, as rows of one column. */
final class Field implements FlatMapFunction<Row, RowData> {
  private static final long serialVersionUID = 1L;

  private final int position;

  Field(int position) {
    this.position = position;
  }

  @Override
  public void flatMap(Row row, Collector<RowData> out) {
    Object bytes = row.getField(position);
    if (bytes != null) {
      out.collect(GenericRowData.of(bytes));
    }
  }
}
