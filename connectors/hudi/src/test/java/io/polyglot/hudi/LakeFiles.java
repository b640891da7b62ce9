package io.polyglot.hudi;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.hudi.common.model.HoodieRecord;
import org.apache.parquet.avro.AvroParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** Files as the Python kernels make them, with {@link Fixtures}' rows in them. */
final class LakeFiles {
    private LakeFiles() {}

    /** A file of the rows from..to that fall on their day; ids of one parity share a partition. */
    static LakeFile of(TableSpec spec, int from, int to) throws IOException {
        int day = 20_000 + from % 2;
        var partition = LocalDate.ofEpochDay(day).toString();
        var token = "@" + UUID.randomUUID().toString().replace("-", "").substring(0, 16);
        var name = UUID.randomUUID() + "-0_0-0-0_" + token + ".parquet";
        var codec = RowCodec.of(spec);
        var schema = withMeta(codec.schema());
        var path = Files.createTempDirectory("lake").resolve("file");
        long rows = 0;
        try (var out = AvroParquetWriter.<GenericRecord>builder(new org.apache.hadoop.fs.Path(path.toUri())).withSchema(schema)
                .withConf(HudiConfigs.storage().unwrap())
                .withCompressionCodec(CompressionCodecName.UNCOMPRESSED).build()) {
            for (int id = from; id < to; id += 2) {
                var row = codec.toAvro(Fixtures.row(id, day, 1));
                var record = new GenericData.Record(schema);
                record.put("_hoodie_commit_time", token);
                record.put("_hoodie_commit_seqno", String.valueOf(rows));
                record.put("_hoodie_record_key", "k" + id);
                record.put("_hoodie_partition_path", partition);
                record.put("_hoodie_file_name", name);
                row.getSchema().getFields().forEach(field -> record.put(field.name(), row.get(field.pos())));
                out.write(record);
                rows++;
            }
        }
        var content = Files.readAllBytes(path);
        Files.delete(path);
        return new LakeFile(partition, name, token, rows, content);
    }

    private static Schema withMeta(Schema schema) {
        var text = Schema.createUnion(Schema.create(Schema.Type.NULL), Schema.create(Schema.Type.STRING));
        var fields = new ArrayList<Schema.Field>();
        HoodieRecord.HOODIE_META_COLUMNS.forEach(name -> fields.add(new Schema.Field(name, text)));
        schema.getFields().forEach(field -> fields.add(new Schema.Field(field, field.schema())));
        return Schema.createRecord(schema.getName(), null, schema.getNamespace(), false, fields);
    }

    /** What {@link LakeFile#read} reads. */
    static byte[] frame(LakeFile... files) {
        var out = ByteBuffer.allocate(4 + List.of(files).stream().mapToInt(f -> 256 + f.content().length).sum())
                .order(ByteOrder.LITTLE_ENDIAN).putInt(files.length);
        for (var file : files) {
            out.putLong(file.rows());
            for (var part : List.of(bytes(file.partition()), bytes(file.name()), bytes(file.token()), file.content())) {
                out.putInt(part.length).put(part);
            }
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
