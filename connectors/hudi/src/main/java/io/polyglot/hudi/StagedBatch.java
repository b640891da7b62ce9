package io.polyglot.hudi;

import java.util.List;

/**
 * What one checkpoint adds to the table, from all writers.
 *
 * @param id nobody else's, ever: a checkpoint's number is used again when a job goes on from an older savepoint
 */
record StagedBatch(String id, long checkpoint, List<StagedFile> files) {}
