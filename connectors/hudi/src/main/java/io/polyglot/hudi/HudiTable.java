package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.table.api.ValidationException;
import org.apache.hudi.client.HoodieJavaWriteClient;
import org.apache.hudi.client.WriteStatus;
import org.apache.hudi.client.common.HoodieJavaEngineContext;
import org.apache.hudi.common.config.RecordMergeMode;
import org.apache.hudi.common.model.HoodieRecord;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.HoodieTimelineTimeZone;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.apache.hudi.common.model.WriteOperationType;
import org.apache.hudi.common.table.HoodieTableConfig;
import org.apache.hudi.common.table.HoodieTableMetaClient;
import org.apache.hudi.common.table.timeline.HoodieInstant;
import org.apache.hudi.common.table.timeline.HoodieTimeline;
import org.apache.hudi.common.util.Option;
import org.apache.hudi.config.HoodieWriteConfig;
import org.apache.hudi.storage.HoodieStorageUtils;
import org.apache.hudi.storage.StorageConfiguration;
import org.apache.hudi.storage.StoragePath;
import org.apache.hudi.table.HoodieJavaTable;
import org.apache.hudi.table.action.rollback.RollbackUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One Hudi table on storage, and the few things the sink does with its timeline. Not thread safe. */
final class HudiTable implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HudiTable.class);

    static {
        // Hudi estimates record sizes with JOL, which otherwise starts a process to attach to this one: seconds, for
        // a precision that nobody needs.
        System.setProperty("jol.skipDynamicAttach", "true");
        System.setProperty("jol.skipHotspotSAAttach", "true");
    }

    private final TableSpec spec;
    private final HoodieJavaEngineContext context;
    private final HoodieWriteConfig config;
    private final HoodieTableMetaClient metaClient;
    private final HoodieJavaWriteClient<Object> client;

    private HudiTable(TableSpec spec, RowCodec codec) throws IOException {
        this.spec = spec;
        this.config = HudiConfigs.write(spec, codec.schema());
        StorageConfiguration<?> storage = HudiConfigs.storage();
        this.context = new HoodieJavaEngineContext(storage);
        this.metaClient = loadOrCreate(storage, codec);
        this.client = new HoodieJavaWriteClient<>(context, config);
    }

    /** Opens the table, creating it when there is none. */
    static HudiTable open(TableSpec spec, RowCodec codec) throws IOException {
        return new HudiTable(spec, codec);
    }

    /**
     * Begins an instant for appended files. Unlike {@code client.startCommit()} this leaves other pending instants
     * alone.
     */
    String startAppend() {
        var instant = client.createNewInstantTime(true);
        if (config.getFailedWritesCleanPolicy().isLazy()) {
            client.getHeartbeatClient().start(instant);
        }
        var requested = metaClient.createNewInstant(HoodieInstant.State.REQUESTED, metaClient.getCommitActionType(), instant);
        metaClient.getActiveTimeline().createNewInstant(requested);
        toInflight(requested);
        return instant;
    }

    /** A table object for this instant's files. */
    HoodieJavaTable<Object> forWriting() {
        metaClient.reloadActiveTimeline();
        return HoodieJavaTable.create(config, context, metaClient);
    }

    HoodieWriteConfig config() {
        return config;
    }

    /** @param extra what the commit's metadata say besides */
    void commitAppend(String instant, List<HoodieWriteStat> stats, Map<String, String> extra) {
        commit(spec.operation(), instant, stats, extra);
    }

    /** What completed commits of the active timeline say under a key of their extra metadata. */
    Set<String> extras(String key) throws IOException {
        return extras(key, metaClient.reloadActiveTimeline());
    }

    /** The same of commits that have been archived. Reads all of them. */
    Set<String> archivedExtras(String key) throws IOException {
        var archived = metaClient.getArchivedTimeline();
        archived.loadCompletedInstantDetailsInMemory();
        return extras(key, archived);
    }

    private Set<String> extras(String key, HoodieTimeline timeline) throws IOException {
        var found = new HashSet<String>();
        for (var instant : timeline.filterCompletedInstants().getInstants()) {
            if (instant.getAction().equals(metaClient.getCommitActionType())) {
                found.add(timeline.readCommitMetadata(instant).getExtraMetadata().get(key));
            }
        }
        found.remove(null);
        return found;
    }

    /** Writes and commits rows by key. Repeating it after a crash stores the same rows again, which changes nothing. */
    void upsert(List<HoodieRecord<Object>> records) {
        var instant = client.startCommit();
        List<HoodieWriteStat> stats;
        if (spec.type() == HoodieTableType.MERGE_ON_READ) {
            var table = forWriting();
            toInflight(metaClient.createNewInstant(HoodieInstant.State.REQUESTED, metaClient.getCommitActionType(), instant));
            // Else each earlier commit of ours counts as concurrent with this one, and as a conflict.
            client.preWrite(instant, WriteOperationType.UPSERT, metaClient);
            stats = BucketUpsert.write(config, table, instant, spec.keyFields(), records);
        } else {
            stats = client.upsert(records, instant).stream().map(HudiTable::checked).toList();
        }
        commit(WriteOperationType.UPSERT, instant, stats, Map.of());
    }

    private void toInflight(HoodieInstant requested) {
        metaClient.getActiveTimeline().transitionRequestedToInflight(requested, Option.empty());
    }

    private void commit(WriteOperationType operation, String instant, List<HoodieWriteStat> stats, Map<String, String> extra) {
        if (config.getFailedWritesCleanPolicy().isLazy()) {
            // The heartbeat of a restored instant stopped with the process that wrote it.
            client.getHeartbeatClient().start(instant);
        }
        client.setOperationType(operation);
        if (!client.commitStats(instant, stats, Option.of(extra), metaClient.getCommitActionType())) {
            throw new IllegalStateException("Hudi refused to commit " + instant + " to " + spec.path());
        }
    }

    static HoodieWriteStat checked(WriteStatus status) {
        if (status.hasErrors()) {
            var cause = status.hasGlobalError() ? status.getGlobalError() : status.getErrors().values().iterator().next();
            throw new IllegalStateException("Hudi could not write " + status.getTotalErrorRecords() + " rows", cause);
        }
        return status.getStat();
    }

    /**
     * Removes what earlier attempts began to commit, and ends removals that were cut off, by a kill or by Flink's
     * interrupt of a task that it cancels.
     */
    void rollbackPending() {
        var timeline = metaClient.reloadActiveTimeline();
        var pending = timeline.filterInflightsAndRequested().getInstants().stream()
                .filter(i -> i.getAction().equals(metaClient.getCommitActionType()))
                .map(HoodieInstant::requestedTime);
        Stream.concat(pending, inRollback(timeline).stream())
                .distinct()
                // Hudi refuses to roll back an instant while a later one is pending.
                .sorted(Comparator.reverseOrder())
                .forEach(client::rollback);
    }

    /**
     * Takes back commits of the active timeline by what their extra metadata say. Hudi allows it for the newest ones only:
     * what others have committed since stands in the way, and the error says so.
     */
    void takeBack(Predicate<Map<String, String>> givenUp) throws IOException {
        var timeline = metaClient.reloadActiveTimeline();
        var found = new ArrayList<String>();
        for (var instant : timeline.filterCompletedInstants().getInstants()) {
            if (instant.getAction().equals(metaClient.getCommitActionType())
                    && givenUp.test(timeline.readCommitMetadata(instant).getExtraMetadata())) {
                found.add(instant.requestedTime());
            }
        }
        found.sort(Comparator.reverseOrder());
        for (var instant : found) {
            LOG.info("{}: taking back {}, the commit of a run that was given up", spec.name(), instant);
            if (!client.rollback(instant)) {
                throw new IllegalStateException("Hudi did not take back " + instant + " of " + spec.path());
            }
        }
    }

    /** Instants whose rollback has begun and not ended; they may be gone from the timeline. */
    private Set<String> inRollback(HoodieTimeline timeline) {
        return timeline.filterPendingRollbackTimeline().getInstants().stream()
                .map(this::target).flatMap(Optional::stream).collect(Collectors.toSet());
    }

    private Optional<String> target(HoodieInstant rollback) {
        try {
            return Optional.of(RollbackUtils.getRollbackPlan(metaClient, rollback).getInstantToRollback().getCommitTime());
        } catch (IOException | RuntimeException e) {
            // Cut off before its plan was whole, so nothing was removed: Hudi drops it with the instant's next rollback.
            LOG.warn("{}: the plan of {} cannot be read", spec.path(), rollback, e);
            return Optional.empty();
        }
    }

    @Override
    public void close() {
        client.close();
    }

    private HoodieTableMetaClient loadOrCreate(StorageConfiguration<?> storage, RowCodec codec) throws IOException {
        // Writer and committer of one job open the table at the same time; only one may create it.
        synchronized (HudiTable.class) {
            if (!isThere(storage)) {
                return create(storage, codec);
            }
            var existing = HoodieTableMetaClient.builder().setConf(storage).setBasePath(spec.path())
                    .setTimeGeneratorConfig(config.getTimeGeneratorConfig()).build();
            requireSameTable(existing);
            return existing;
        }
    }

    /** Asks for the table's properties by name: Hudi looks for them five times, a second apart, before it says no. */
    private boolean isThere(StorageConfiguration<?> storage) throws IOException {
        var folder = new StoragePath(spec.path(), HoodieTableMetaClient.METAFOLDER_NAME);
        var files = HoodieStorageUtils.getStorage(folder, storage);
        return files.exists(new StoragePath(folder, HoodieTableConfig.HOODIE_PROPERTIES_FILE))
                || files.exists(new StoragePath(folder, HoodieTableConfig.HOODIE_PROPERTIES_FILE_BACKUP));
    }

    private HoodieTableMetaClient create(StorageConfiguration<?> storage, RowCodec codec) throws IOException {
        var keys = RowKeys.of(spec);
        var table = HoodieTableMetaClient.newTableBuilder()
                .setTableType(spec.type())
                .setTableName(spec.name())
                .setTableCreateSchema(codec.schema().toString())
                .setKeyGeneratorClassProp(keys.generator().getClassName())
                .setHiveStylePartitioningEnable(keys.hiveStyle())
                .setUrlEncodePartitioning(true)
                .setCommitTimezone(HoodieTimelineTimeZone.UTC)
                .setPopulateMetaFields(true)
                .setRecordMergeMode(spec.orderingFields().isEmpty()
                        ? RecordMergeMode.COMMIT_TIME_ORDERING : RecordMergeMode.EVENT_TIME_ORDERING);
        if (!spec.keyFields().isEmpty()) {
            table.setRecordKeyFields(String.join(",", spec.keyFields()));
        }
        if (!spec.partitionFields().isEmpty()) {
            table.setPartitionFields(String.join(",", spec.partitionFields()));
        }
        if (!spec.orderingFields().isEmpty()) {
            table.setOrderingFields(String.join(",", spec.orderingFields()));
        }
        return table.initTable(storage, spec.path());
    }

    private void requireSameTable(HoodieTableMetaClient existing) {
        var stored = existing.getTableConfig();
        requireSame("table.type", stored.getTableType(), spec.type());
        requireSame("record key", List.of(stored.getRecordKeyFields().orElse(new String[0])), spec.keyFields());
        requireSame("partition columns", List.of(stored.getPartitionFields().orElse(new String[0])), spec.partitionFields());
        if (spec.isUpsert()) {
            requireSame("ordering.fields", stored.getOrderingFields(), spec.orderingFields());
        }
    }

    private void requireSame(String what, Object stored, Object wanted) {
        if (!stored.equals(wanted)) {
            throw new ValidationException("the Hudi table at " + spec.path() + " has " + what + " " + stored
                    + ", the job says " + wanted);
        }
    }
}
