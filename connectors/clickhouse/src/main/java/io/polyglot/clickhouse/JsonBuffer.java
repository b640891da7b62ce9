package io.polyglot.clickhouse;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing buffer of UTF-8 JSON, reused from batch to batch. */
final class JsonBuffer {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private byte[] data = new byte[64 * 1024];
    private int size;

    int size() {
        return size;
    }

    void reset() {
        size = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(data, size);
    }

    void raw(byte[] bytes) {
        ensure(bytes.length);
        System.arraycopy(bytes, 0, data, size, bytes.length);
        size += bytes.length;
    }

    void raw(char ascii) {
        ensure(1);
        data[size++] = (byte) ascii;
    }

    void ascii(String text) {
        ensure(text.length());
        for (int i = 0; i < text.length(); i++) {
            data[size++] = (byte) text.charAt(i);
        }
    }

    void quotedAscii(String text) {
        raw('"');
        ascii(text);
        raw('"');
    }

    /** Writes UTF-8 text as a JSON string. */
    void string(byte[] utf8) {
        ensure(utf8.length * 6 + 2);
        data[size++] = '"';
        for (byte b : utf8) {
            if (b == '"' || b == '\\') {
                data[size++] = '\\';
                data[size++] = b;
            } else if (b >= 0 && b < 0x20) {
                control(b);
            } else {
                data[size++] = b;
            }
        }
        data[size++] = '"';
    }

    private void control(byte b) {
        data[size++] = '\\';
        data[size++] = 'u';
        data[size++] = '0';
        data[size++] = '0';
        data[size++] = HEX[b >> 4];
        data[size++] = HEX[b & 15];
    }

    private void ensure(int more) {
        if (data.length - size < more) {
            data = Arrays.copyOf(data, Math.max(data.length * 2, size + more));
        }
    }
}
