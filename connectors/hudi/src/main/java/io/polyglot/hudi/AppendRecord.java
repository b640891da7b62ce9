package io.polyglot.hudi;

import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.table.data.RowData;

/**
 * One row seen as an Avro record with Hudi's five leading meta columns. The same object shows row after row: a Parquet
 * writer has copied what it needs before the next one comes.
 */
final class AppendRecord implements GenericRecord {
    private final Schema schema;
    private final RowCodec codec;
    private final Object[] meta;
    private RowData row;

    AppendRecord(Schema schemaWithMeta, RowCodec codec) {
        this.schema = schemaWithMeta;
        this.codec = codec;
        this.meta = new Object[schemaWithMeta.getFields().size() - codec.size()];
    }

    AppendRecord show(RowData row) {
        this.row = row;
        return this;
    }

    @Override
    public Schema getSchema() {
        return schema;
    }

    @Override
    public Object get(int i) {
        return i < meta.length ? meta[i] : codec.value(row, i - meta.length);
    }

    @Override
    public void put(int i, Object value) {
        meta[i] = value;
    }

    @Override
    public Object get(String name) {
        return get(schema.getField(name).pos());
    }

    @Override
    public void put(String name, Object value) {
        put(schema.getField(name).pos(), value);
    }
}
