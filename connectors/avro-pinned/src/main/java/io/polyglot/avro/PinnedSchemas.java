package io.polyglot.avro;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.flink.table.api.ValidationException;

/**
 * All versions of one contract as pinned in {@code ids.lock}, oldest first.
 *
 * <p>Read once where the job is built and shipped inside the job, so TaskManagers need no access to the
 * folder and a running job can never see ids change.
 */
final class PinnedSchemas implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final String LOCK_FILE = "ids.lock";

    /** One pinned version; {@code json} is the text of its .avsc file. */
    record Version(int version, int id, String json) implements Serializable {
        Schema schema() {
            return new Schema.Parser().parse(json);
        }
    }

    private final String name;
    private final ArrayList<Version> versions;

    private PinnedSchemas(String name, List<Version> versions) {
        this.name = name;
        this.versions = new ArrayList<>(versions);
    }

    String name() {
        return name;
    }

    List<Version> versions() {
        return versions;
    }

    Version newest() {
        return versions.get(versions.size() - 1);
    }

    /**
     * Reads the versions of contract {@code name}; checks each file against its pinned hash and that the newest
     * version can read every older one.
     */
    static PinnedSchemas load(Path folder, String name) {
        JsonNode lock = readLock(folder.resolve(LOCK_FILE));
        List<Version> found = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (JsonNode entry : lock) {
            names.add(text(entry, "name"));
            if (text(entry, "name").equals(name)) {
                found.add(new Version(entry.path("version").asInt(), pinnedId(entry), readPinned(folder, entry)));
            }
        }
        if (found.isEmpty()) {
            String known = names.stream().distinct().sorted().collect(Collectors.joining(", "));
            throw new ValidationException(
                    "No schema named '" + name + "' in " + folder.resolve(LOCK_FILE) + "; it has: " + known);
        }
        found.sort((a, b) -> Integer.compare(a.version(), b.version()));
        PinnedSchemas schemas = new PinnedSchemas(name, found);
        schemas.checkReadable();
        return schemas;
    }

    private void checkReadable() {
        Schema reader = newest().schema();
        for (Version writer : versions) {
            var result = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer.schema());
            if (result.getType() != SchemaCompatibilityType.COMPATIBLE) {
                throw new ValidationException(
                        "Schema '" + name + "' version " + newest().version() + " cannot read version "
                                + writer.version() + ": " + result.getDescription());
            }
        }
    }

    private static JsonNode readLock(Path file) {
        try {
            JsonNode schemas = new ObjectMapper().readTree(Files.readAllBytes(file)).path("schemas");
            if (!schemas.isArray()) {
                throw new ValidationException(file + " has no list \"schemas\"");
            }
            return schemas;
        } catch (IOException e) {
            throw new ValidationException("Cannot read the pinned schema ids in " + file + ": " + e, e);
        }
    }

    private static String readPinned(Path folder, JsonNode entry) {
        Path file = folder.resolve(text(entry, "file"));
        try {
            byte[] content = Files.readAllBytes(file);
            String actual = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
            if (!actual.equalsIgnoreCase(text(entry, "sha256"))) {
                throw new ValidationException(
                        file + " was changed after its id was pinned: sha256 is " + actual + ", " + LOCK_FILE
                                + " says " + text(entry, "sha256"));
            }
            return new String(content, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new ValidationException("Cannot read the pinned schema " + file + ": " + e, e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int pinnedId(JsonNode entry) {
        JsonNode id = entry.path("id");
        if (!id.canConvertToInt() || !id.isIntegralNumber()) {
            throw new ValidationException("An entry of " + LOCK_FILE + " has no integer id: " + entry);
        }
        return id.asInt();
    }

    private static String text(JsonNode entry, String key) {
        JsonNode value = entry.path(key);
        if (!value.isTextual()) {
            throw new ValidationException("An entry of " + LOCK_FILE + " has no text '" + key + "': " + entry);
        }
        return value.asText();
    }
}
