package io.polyglot.hudi;

import java.util.List;
import org.apache.hudi.common.model.HoodieWriteStat;

/** What one checkpoint adds to the table. */
sealed interface HudiCommittable {
    /** Files already written under a pending instant. */
    record Append(String instant, List<HoodieWriteStat> files) implements HudiCommittable {}

    /** Rows to be written by key; {@code rows} is the concatenation of {@code count} serialized rows. */
    record Upsert(int count, byte[] rows) implements HudiCommittable {}
}
