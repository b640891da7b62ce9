package io.polyglot.avro;

import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;

/** What Avro's timestamps (a count since 1970 UTC) and Flink's two timestamp types have in common. */
final class Timestamps {
    private Timestamps() {}

    static boolean isTimestamp(LogicalType column) {
        return column.is(LogicalTypeRoot.TIMESTAMP_WITHOUT_TIME_ZONE)
                || column.is(LogicalTypeRoot.TIMESTAMP_WITH_LOCAL_TIME_ZONE);
    }

    /** How many units one tick of a column of {@code precision} decimal places spans; at least one. */
    static long unitsPerTick(long unitsPerSecond, int precision) {
        long ticksPerSecond = 1;
        for (int i = 0; i < precision; i++) {
            ticksPerSecond *= 10;
        }
        return Math.max(1, unitsPerSecond / ticksPerSecond);
    }
}
