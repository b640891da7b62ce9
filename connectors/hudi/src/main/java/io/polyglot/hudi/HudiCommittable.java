package io.polyglot.hudi;

/** Rows that one checkpoint writes by key; {@code rows} is the concatenation of {@code count} serialized rows. */
record HudiCommittable(int count, byte[] rows) {}
