package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.types.Row;

/**
 * Stages files as they come and names them at the barrier. It touches no timeline, so there may be many of them, and one
 * that dies leaves nothing but files that nobody refers to.
 */
final class FilesWriter implements CommittingSinkWriter<Row, StagedFile> {
    private final Staging staging;
    private final int position;
    private final SinkWriterMetricGroup metrics;
    private final List<StagedFile> staged = new ArrayList<>();

    FilesWriter(TableSpec spec, int position, SinkWriterMetricGroup metrics) throws IOException {
        this.staging = new Staging(spec);
        this.position = position;
        this.metrics = metrics;
    }

    @Override
    public void write(Row row, Context context) throws IOException {
        var files = (byte[]) row.getField(position);
        if (files == null) {
            return;
        }
        for (var file : LakeFile.read(files)) {
            staged.add(staging.put(file));
            metrics.getNumRecordsSendCounter().inc(file.rows());
            metrics.getNumBytesSendCounter().inc(file.content().length);
        }
    }

    @Override
    public Collection<StagedFile> prepareCommit() {
        var result = List.copyOf(staged);
        staged.clear();
        return result;
    }

    @Override
    public void flush(boolean endOfInput) {}

    @Override
    public void close() {}
}
