package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.InitContext;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the files of a completed checkpoint visible, in one commit, once. Instants begin and end here: nothing is pending
 * on the timeline between a checkpoint and its commit that another writer's rollback could take away. A commit says which
 * batch it holds, so that a batch is known again when a restore brings it back.
 */
final class FilesCommitter implements Committer<StagedBatch> {
    /** Of a commit's extra metadata: the batch, the job's id, and for those who look the checkpoint. */
    static final String BATCH = "polyglot.batch";
    static final String JOB = "polyglot.job";
    static final String CHECKPOINT = "polyglot.checkpoint";
    /**
     * Of the commit by which Spark made a lost table again ({@code batch/maintenance/rebuild.py}): the runs of the job,
     * comma separated, whose results are all in it.
     */
    static final String REBUILT = "polyglot.rebuilt";

    private static final Logger LOG = LoggerFactory.getLogger(FilesCommitter.class);

    private final TableSpec spec;
    private final Run run;
    private final Staging staging;
    private final HudiTable table;
    private final Counter committedRows;
    private final Set<String> committed;
    private boolean swept;
    private volatile long lastCommitMillis;

    /**
     * The run of a job that commits.
     *
     * @param job its id
     * @param restored number of the checkpoint that it goes on from, or less than any
     * @param former ids of the runs before it. What they committed behind that checkpoint is taken back: its rows come
     *     again, for the state that was restored does not know them
     */
    record Run(String job, long restored, Set<String> former) {
        private boolean gaveUp(Map<String, String> commit) {
            var job = commit.get(JOB);
            return job != null && former.contains(job) && Long.parseLong(commit.get(CHECKPOINT)) > restored;
        }
    }

    FilesCommitter(TableSpec spec, Run run, MetricGroup metrics) throws IOException {
        this.spec = spec;
        this.run = run;
        this.staging = new Staging(spec);
        this.table = HudiTable.open(spec, RowCodec.of(spec));
        this.committedRows = metrics.counter("committedRows");
        metrics.gauge("lastCommitMillis", () -> lastCommitMillis);
        // What is pending is an attempt's that died while it committed; its batch comes again.
        table.rollbackPending();
        if (run.restored() >= InitContext.INITIAL_CHECKPOINT_ID) {
            table.takeBack(run::gaveUp);
        }
        this.committed = table.extras(BATCH);
    }

    @Override
    public void commit(Collection<CommitRequest<StagedBatch>> requests) throws IOException {
        for (var request : requests) {
            var batch = request.getCommittable();
            if (isCommitted(batch)) {
                request.signalAlreadyCommitted();
            } else {
                commit(batch);
            }
            for (var file : batch.files()) {
                staging.remove(file);
            }
            if (!swept && batch.checkpoint() > run.restored()) {
                // All that the restored state refers to has come before this one.
                staging.removeAbandoned(System.currentTimeMillis());
                swept = true;
            }
        }
    }

    private boolean isCommitted(StagedBatch batch) throws IOException {
        if (committed.contains(batch.id())) {
            return true;
        }
        var missing = new ArrayList<StagedFile>();
        for (var file : batch.files()) {
            if (!staging.has(file)) {
                missing.add(file);
            }
        }
        if (missing.isEmpty()) {
            return false;
        }
        if (table.archivedExtras(BATCH).contains(batch.id()) || wasRebuilt(batch, missing)) {
            return true;
        }
        // Committing the others would lose rows that the source will not send again.
        throw new IllegalStateException(missing.size() + " of " + batch.files().size() + " staged files of checkpoint "
                + batch.checkpoint() + " of " + spec.path() + " are gone, and no commit holds them, the first being "
                + missing.get(0).path() + ": they hold rows that this job counts as written; restore an older checkpoint or repair the table");
    }

    /** Whether the staged files went with a table that was lost, and all their rows came back when it was made again. */
    private boolean wasRebuilt(StagedBatch batch, List<StagedFile> missing) throws IOException {
        return missing.size() == batch.files().size() && batch.checkpoint() <= run.restored() && !run.former().isEmpty()
                && table.extras(REBUILT).stream().anyMatch(runs -> List.of(runs.split(",")).containsAll(run.former()));
    }

    private void commit(StagedBatch batch) throws IOException {
        long start = System.nanoTime();
        var instant = table.startAppend();
        var hoodie = table.forWriting();
        var stats = new ArrayList<HoodieWriteStat>(batch.files().size());
        for (var file : batch.files()) {
            stats.add(BaseFile.store(table.config(), hoodie, instant, file, staging.content(file)));
        }
        table.commitAppend(instant, stats, Map.of(
                BATCH, batch.id(), JOB, run.job(), CHECKPOINT, String.valueOf(batch.checkpoint())));
        committed.add(batch.id());
        committedRows.inc(rows(batch.files()));
        lastCommitMillis = (System.nanoTime() - start) / 1_000_000;
        LOG.info("{}: committed checkpoint {} as {} in {} ms", spec.name(), batch.checkpoint(), instant, lastCommitMillis);
    }

    private static long rows(List<StagedFile> files) {
        return files.stream().mapToLong(StagedFile::rows).sum();
    }

    @Override
    public void close() {
        table.close();
    }
}
