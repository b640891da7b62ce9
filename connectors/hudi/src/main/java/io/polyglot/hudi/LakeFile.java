package io.polyglot.hudi;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A complete base file that waits for its instant.
 *
 * @param partition path of the table's partition
 * @param name of the file, with the token where the instant belongs
 * @param token as long as an instant; it stands in the content, uncompressed, wherever the instant belongs
 */
record LakeFile(String partition, String name, String token, long rows, byte[] content) {
    /**
     * Takes apart what a kernel made ({@code udfs/lake/files.py}). Little-endian: the count of files; for each its rows
     * (8 bytes), and with their sizes (4 bytes) before them partition, name, token and content.
     */
    static List<LakeFile> read(byte[] frame) throws IOException {
        var in = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
        int count = in.getInt();
        var files = new ArrayList<LakeFile>(count);
        for (int i = 0; i < count; i++) {
            long rows = in.getLong();
            files.add(new LakeFile(text(in), text(in), text(in), rows, bytes(in)));
        }
        if (in.hasRemaining()) {
            throw new IOException(in.remaining() + " bytes follow the last of " + count + " files");
        }
        return files;
    }

    private static String text(ByteBuffer in) {
        return new String(bytes(in), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(ByteBuffer in) {
        var result = new byte[in.getInt()];
        in.get(result);
        return result;
    }

    /** Where the file goes: the name under which the instant's commit will list it. */
    static String named(String name, String token, String instant) {
        return name.replace(token, instant);
    }

    /**
     * Puts the instant into the place of the token. Lengths stay what they are, so nothing in the file moves.
     *
     * @return in how many places
     */
    static int bind(byte[] content, String token, String instant) {
        byte[] from = token.getBytes(StandardCharsets.US_ASCII);
        byte[] to = instant.getBytes(StandardCharsets.US_ASCII);
        if (from.length != to.length) {
            throw new IllegalArgumentException("token " + token + " is not as long as instant " + instant);
        }
        int places = 0;
        for (int at = 0; at <= content.length - from.length; at++) {
            if (isAt(content, at, from)) {
                System.arraycopy(to, 0, content, at, to.length);
                at += to.length - 1;
                places++;
            }
        }
        return places;
    }

    private static boolean isAt(byte[] content, int at, byte[] token) {
        for (int k = 0; k < token.length; k++) {
            if (content[at + k] != token[k]) {
                return false;
            }
        }
        return true;
    }
}
