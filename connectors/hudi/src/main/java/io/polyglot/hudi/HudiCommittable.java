package io.polyglot.hudi;

import java.util.List;

/**
 * Rows that one checkpoint writes by key; {@code rows} is the concatenation of {@code count} serialized rows.
 *
 * @param columns of these rows; the table may have more by the time that they are committed. None: {@link TableSpec#first}
 */
record HudiCommittable(List<String> columns, int count, byte[] rows) {}
