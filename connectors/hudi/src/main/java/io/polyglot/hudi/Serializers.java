package io.polyglot.hudi;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.hudi.common.model.HoodieCommitMetadata;
import org.apache.hudi.common.model.HoodieWriteStat;

/** State formats. Savepoints hold them: a change needs a new version and code that still reads the old one. */
final class Serializers {
    private static final int VERSION = 1;
    private static final byte APPEND = 1;
    private static final byte UPSERT = 2;

    private Serializers() {}

    /** File statistics are kept as Hudi's own commit metadata JSON, the one form that Hudi promises to read later. */
    static final class Committables implements SimpleVersionedSerializer<HudiCommittable> {
        @Override
        public int getVersion() {
            return VERSION;
        }

        @Override
        public byte[] serialize(HudiCommittable committable) throws IOException {
            var out = new DataOutputSerializer(256);
            if (committable instanceof HudiCommittable.Append append) {
                out.writeByte(APPEND);
                out.writeUTF(append.instant());
                var metadata = new HoodieCommitMetadata();
                append.files().forEach(f -> metadata.addWriteStat(f.getPartitionPath(), f));
                var json = metadata.toJsonString().getBytes(StandardCharsets.UTF_8);
                out.writeInt(json.length);
                out.write(json);
            } else if (committable instanceof HudiCommittable.Upsert upsert) {
                out.writeByte(UPSERT);
                out.writeInt(upsert.count());
                out.writeInt(upsert.rows().length);
                out.write(upsert.rows());
            }
            return out.getCopyOfBuffer();
        }

        @Override
        public HudiCommittable deserialize(int version, byte[] bytes) throws IOException {
            requireKnown(version);
            var in = new DataInputDeserializer(bytes);
            byte kind = in.readByte();
            return switch (kind) {
                case APPEND -> new HudiCommittable.Append(in.readUTF(), files(bytes(in)));
                case UPSERT -> new HudiCommittable.Upsert(in.readInt(), bytes(in));
                default -> throw new IOException("unknown kind of Hudi committable: " + kind);
            };
        }

        private static List<HoodieWriteStat> files(byte[] json) throws IOException {
            try {
                return HoodieCommitMetadata.fromJsonString(new String(json, StandardCharsets.UTF_8), HoodieCommitMetadata.class)
                        .getWriteStats();
            } catch (IOException e) {
                throw e;
            } catch (Exception e) {
                throw new IOException("unreadable file statistics in a Hudi committable", e);
            }
        }

        private static byte[] bytes(DataInputDeserializer in) throws IOException {
            var result = new byte[in.readInt()];
            in.readFully(result);
            return result;
        }
    }

    static final class State implements SimpleVersionedSerializer<HudiWriter.HandedOver> {
        @Override
        public int getVersion() {
            return VERSION;
        }

        @Override
        public byte[] serialize(HudiWriter.HandedOver state) throws IOException {
            var out = new DataOutputSerializer(64);
            out.writeInt(state.instants().size());
            for (var instant : state.instants()) {
                out.writeUTF(instant);
            }
            return out.getCopyOfBuffer();
        }

        @Override
        public HudiWriter.HandedOver deserialize(int version, byte[] bytes) throws IOException {
            requireKnown(version);
            var in = new DataInputDeserializer(bytes);
            int size = in.readInt();
            var instants = new ArrayList<String>(size);
            for (int i = 0; i < size; i++) {
                instants.add(in.readUTF());
            }
            return new HudiWriter.HandedOver(instants);
        }
    }

    private static void requireKnown(int version) throws IOException {
        if (version != VERSION) {
            throw new IOException("Hudi sink state has version " + version + ", this jar reads " + VERSION);
        }
    }
}
