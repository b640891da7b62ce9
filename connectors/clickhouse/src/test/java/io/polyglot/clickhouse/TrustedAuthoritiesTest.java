package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The sink against a server with a certificate that no public authority has signed. */
@Timeout(60)
class TrustedAuthoritiesTest {
    private static final String PASSWORD = "changeit";

    @TempDir
    Path folder;

    private Path store;
    private Path pem;

    @BeforeEach
    void sign() throws Exception {
        store = folder.resolve("server.p12");
        pem = folder.resolve("ca.pem");
        keytool("-genkeypair", "-alias", "server", "-keyalg", "EC", "-dname", "CN=clickhouse", "-ext",
                "san=ip:127.0.0.1", "-storetype", "PKCS12");
        keytool("-exportcert", "-alias", "server", "-rfc", "-file", pem.toString());
    }

    @Test
    void aServerOfTheGivenAuthorityIsTrusted() throws Exception {
        try (FakeServer server = new FakeServer().startWithTls(identity())) {
            client(server, Map.of("ca-location", pem.toString())).insert("{}\n".getBytes(StandardCharsets.UTF_8), 1);
            assertThat(server.bodies).containsExactly("{}\n".getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void withoutItTheServerGetsNothing() throws Exception {
        try (FakeServer server = new FakeServer().startWithTls(identity())) {
            assertThatThrownBy(() -> client(server, Map.of()).insert("{}\n".getBytes(StandardCharsets.UTF_8), 1))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("certification path");
            assertThat(server.bodies).isEmpty();
        }
    }

    @Test
    void aFileWithoutCertificatesIsRefused() throws Exception {
        Files.writeString(pem, "");
        assertThatThrownBy(() -> TrustedAuthorities.of(pem)).hasMessageContaining("no certificate in " + pem);
        Path absent = folder.resolve("absent.pem");
        assertThatThrownBy(() -> TrustedAuthorities.of(absent))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(absent.toString());
    }

    private InsertClient client(FakeServer server, Map<String, String> more) {
        Map<String, String> all = new HashMap<>(more);
        all.putAll(Map.of("url", server.url(), "table-name", "t", "sink.max-retries", "0"));
        return new InsertClient(ClickHouseOptions.of(all), List.of("a"), new Metrics());
    }

    private SSLContext identity() throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return context;
    }

    private void keytool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
    }
}
