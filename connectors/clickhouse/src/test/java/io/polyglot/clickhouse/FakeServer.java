package io.polyglot.clickhouse;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URLDecoder;
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

    final List<String> bodies = new CopyOnWriteArrayList<>();
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

    List<String> rows() {
        return bodies.stream().flatMap(String::lines).toList();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
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
