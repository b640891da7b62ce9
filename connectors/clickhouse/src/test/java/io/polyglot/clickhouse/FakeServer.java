package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;

/** Takes INSERTs like ClickHouse; answers with failures first if a test has put some in line. */
final class FakeServer implements AutoCloseable {
    record Answer(int status, String body) {}

    final List<byte[]> bodies = new CopyOnWriteArrayList<>();
    final List<String> queries = new CopyOnWriteArrayList<>();
    final List<String> users = new CopyOnWriteArrayList<>();
    final ConcurrentLinkedQueue<Answer> failures = new ConcurrentLinkedQueue<>();
    private final int port;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private HttpServer server;
    private String scheme = "http";

    FakeServer() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
    }

    FakeServer start() throws IOException {
        return start(HttpServer.create(address(), 0));
    }

    FakeServer startWithTls(SSLContext identity) throws IOException {
        HttpsServer https = HttpsServer.create(address(), 0);
        https.setHttpsConfigurator(new HttpsConfigurator(identity));
        scheme = "https";
        return start(https);
    }

    private FakeServer start(HttpServer made) {
        server = made;
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
        return this;
    }

    private InetSocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    String url() {
        return scheme + "://127.0.0.1:" + port;
    }

    /** What was inserted, of columns that are texts, 64-bit integers and decimals of 128 bits: values joined by {@code |}. */
    List<String> rows() {
        return bodies.stream().flatMap(body -> rows(ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN)).stream()).toList();
    }

    private static List<String> rows(ByteBuffer in) {
        int columns = varint(in);
        String[] rows = new String[varint(in)];
        for (int column = 0; column < columns; column++) {
            text(in);
            String type = text(in);
            for (int row = 0; row < rows.length; row++) {
                Object value = switch (type) {
                    case "String" -> text(in);
                    case "Int64" -> in.getLong();
                    case "Decimal(38, 12)" -> {
                        long low = in.getLong();
                        assertThat(in.getLong()).isEqualTo(low >> 63);
                        yield BigDecimal.valueOf(low, 12);
                    }
                    default -> throw new AssertionError(type);
                };
                rows[row] = column == 0 ? value.toString() : rows[row] + "|" + value;
            }
        }
        assertThat(in.hasRemaining()).isFalse();
        return List.of(rows);
    }

    private static int varint(ByteBuffer in) {
        int next = in.get();
        return next >= 0 ? next : next & 0x7f | varint(in) << 7;
    }

    private static String text(ByteBuffer in) {
        byte[] utf8 = new byte[varint(in)];
        in.get(utf8);
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private void answer(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        Answer failure = failures.poll();
        if (failure == null) {
            queries.add(URLDecoder.decode(exchange.getRequestURI().getRawQuery(), StandardCharsets.UTF_8));
            users.add(exchange.getRequestHeaders().getFirst("X-ClickHouse-User") + ":"
                    + exchange.getRequestHeaders().getFirst("X-ClickHouse-Key"));
            bodies.add(body);
            exchange.sendResponseHeaders(200, -1);
        } else {
            byte[] text = failure.body().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(failure.status(), text.length);
            exchange.getResponseBody().write(text);
        }
        exchange.close();
    }

    @Override
    public void close() {
        if (server != null) {
            server.stop(0);
        }
        threads.shutdownNow();
    }
}
