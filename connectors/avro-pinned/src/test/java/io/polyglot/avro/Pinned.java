package io.polyglot.avro;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** A folder of contracts with its lock file, made for one test. */
final class Pinned {
    static final String SAMPLE_FIELDS = """
            {"name": "id", "type": "string"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "seq", "type": "long"},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 28, "scale": 12}},
            {"name": "payload", "type": "bytes"},
            {"name": "flag", "type": "boolean"},
            {"name": "ratio", "type": "double"},
            {"name": "note", "type": ["null", "string"]},
            {"name": "count", "type": "int"}""";

    /** Written by fastavro 1.13 for the sample contract: see {@link PinnedValuesTest}. */
    static final String SAMPLE_BODY = "0e73696d3a4254438089ccd396c88f06ceb702091000d98c8204c700010600ff1001"
            + "9a9999999999b93f020c68c3a96c6c6fd804";

    final Path folder;
    private final List<String> entries = new ArrayList<>();

    Pinned(Path folder) {
        this.folder = folder;
    }

    Pinned with(String name, int version, int id, String fields) {
        String json = "{\"type\": \"record\", \"name\": \"" + name + "\", \"fields\": [" + fields + "]}";
        String file = name + ".v" + version + ".avsc";
        try {
            byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
            Files.write(folder.resolve(file), bytes);
            String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
            entries.add("{\"name\": \"%s\", \"version\": %d, \"id\": %d, \"file\": \"%s\", \"sha256\": \"%s\"}"
                    .formatted(name, version, id, file, hash));
            Files.writeString(folder.resolve("ids.lock"), "{\"schemas\": [" + String.join(",", entries) + "]}");
        } catch (IOException | java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        return this;
    }

    static byte[] message(int id, String bodyHex) {
        return HexFormat.of().parseHex("00%08x".formatted(id) + bodyHex);
    }
}
