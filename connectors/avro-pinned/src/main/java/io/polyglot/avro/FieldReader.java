package io.polyglot.avro;

/** Reads one value from the wire as Flink's internal representation of the column's type. */
@FunctionalInterface
interface FieldReader {
    Object read(WireReader in);
}
