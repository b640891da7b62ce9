package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** State formats. Savepoints hold them: a change needs a new version and code that still reads the old one. */
final class Serializers {
    /** Version 1, of which no released job has state, knew files of rows besides. */
    private static final int VERSION = 2;
    /** Version 2 of rows did not say which columns they have. */
    private static final int ROWS_VERSION = 3;

    private Serializers() {}

    static final class Committables implements SimpleVersionedSerializer<HudiCommittable> {
        @Override
        public int getVersion() {
            return ROWS_VERSION;
        }

        @Override
        public byte[] serialize(HudiCommittable committable) throws IOException {
            var out = new DataOutputSerializer(1024 + committable.rows().length);
            out.writeInt(committable.columns().size());
            for (var column : committable.columns()) {
                out.writeUTF(column);
            }
            out.writeInt(committable.count());
            out.writeInt(committable.rows().length);
            out.write(committable.rows());
            return out.getCopyOfBuffer();
        }

        @Override
        public HudiCommittable deserialize(int version, byte[] bytes) throws IOException {
            if (version != ROWS_VERSION) {
                requireKnown(version);
            }
            var in = new DataInputDeserializer(bytes);
            var columns = new ArrayList<String>();
            for (int left = version == ROWS_VERSION ? in.readInt() : 0; left > 0; left--) {
                columns.add(in.readUTF());
            }
            int count = in.readInt();
            var rows = new byte[in.readInt()];
            in.readFully(rows);
            return new HudiCommittable(columns, count, rows);
        }
    }

    static final class Staged implements SimpleVersionedSerializer<StagedFile> {
        @Override
        public int getVersion() {
            return VERSION;
        }

        @Override
        public byte[] serialize(StagedFile file) throws IOException {
            var out = new DataOutputSerializer(256);
            write(file, out);
            return out.getCopyOfBuffer();
        }

        @Override
        public StagedFile deserialize(int version, byte[] bytes) throws IOException {
            requireKnown(version);
            return read(new DataInputDeserializer(bytes));
        }
    }

    static final class Batches implements SimpleVersionedSerializer<StagedBatch> {
        @Override
        public int getVersion() {
            return VERSION;
        }

        @Override
        public byte[] serialize(StagedBatch batch) throws IOException {
            var out = new DataOutputSerializer(1024);
            out.writeUTF(batch.id());
            out.writeLong(batch.checkpoint());
            out.writeInt(batch.files().size());
            for (var file : batch.files()) {
                write(file, out);
            }
            return out.getCopyOfBuffer();
        }

        @Override
        public StagedBatch deserialize(int version, byte[] bytes) throws IOException {
            requireKnown(version);
            var in = new DataInputDeserializer(bytes);
            var id = in.readUTF();
            long checkpoint = in.readLong();
            int size = in.readInt();
            var files = new ArrayList<StagedFile>(size);
            for (int i = 0; i < size; i++) {
                files.add(read(in));
            }
            return new StagedBatch(id, checkpoint, files);
        }
    }

    private static void write(StagedFile file, DataOutputSerializer out) throws IOException {
        out.writeUTF(file.path());
        out.writeUTF(file.partition());
        out.writeUTF(file.name());
        out.writeUTF(file.token());
        out.writeLong(file.rows());
    }

    private static StagedFile read(DataInputDeserializer in) throws IOException {
        return new StagedFile(in.readUTF(), in.readUTF(), in.readUTF(), in.readUTF(), in.readLong());
    }

    private static void requireKnown(int version) throws IOException {
        if (version != VERSION) {
            throw new IOException("Hudi sink state has version " + version + ", this jar reads " + VERSION);
        }
    }
}
