package io.polyglot.avro;

import org.apache.flink.table.data.RowData;

/** Writes the column at {@code position} of a row to the wire. */
@FunctionalInterface
interface FieldWriter {
    void write(RowData row, int position, WireWriter out);
}
