package io.polyglot.hudi;

import java.util.List;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.api.connector.sink2.StatefulSinkWriter;
import org.apache.flink.table.data.RowData;

/** Takes rows between two barriers and turns them into something to commit. */
interface HudiWriter
        extends StatefulSinkWriter<RowData, HudiWriter.HandedOver>, CommittingSinkWriter<RowData, HudiCommittable> {

    /** Writer state: the instants in committables that may still be waiting for their checkpoint. */
    record HandedOver(List<String> instants) {}
}
