package org.apache.hudi.aws.transaction.lock;

import static org.assertj.core.api.Assertions.assertThat;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.apache.hudi.client.transaction.lock.models.LockGetResult;
import org.apache.hudi.client.transaction.lock.models.LockUpsertResult;
import org.apache.hudi.client.transaction.lock.models.StorageLockData;
import org.apache.hudi.client.transaction.lock.models.StorageLockFile;
import org.apache.hudi.common.util.Option;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The client against a stand-in for S3 that knows conditional writes of one object and no more.
 * {@code tests/integration/batch/test_maintenance.py} has a real server.
 */
class S3StorageLockClientTest {
  private static final String LOCK = "s3a://bucket/table/.hoodie/.locks/table_lock.json";

  private HttpServer server;
  private byte[] stored;
  private int version;
  private int failing;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private synchronized void answer(HttpExchange call) throws IOException {
    try (call) {
      var body = call.getRequestBody().readAllBytes();
      if (failing != 0) {
        call.sendResponseHeaders(failing, -1);
      } else if (call.getRequestMethod().equals("PUT")) {
        var expected = call.getRequestHeaders().getFirst("If-Match");
        var nothing = "*".equals(call.getRequestHeaders().getFirst("If-None-Match"));
        if ((nothing && stored != null) || (expected != null && !expected.equals('"' + etag() + '"'))) {
          call.sendResponseHeaders(412, -1);
          return;
        }
        stored = body;
        version++;
        call.getResponseHeaders().set("ETag", '"' + etag() + '"');
        call.sendResponseHeaders(200, -1);
      } else if (stored == null) {
        call.sendResponseHeaders(404, -1);
      } else {
        call.getResponseHeaders().set("ETag", '"' + etag() + '"');
        call.sendResponseHeaders(200, stored.length);
        call.getResponseBody().write(stored);
      }
    }
  }

  /** No digest: what looks like one the client compares with its own. */
  private String etag() {
    return "version-" + version;
  }

  private S3StorageLockClient client() {
    var s3 = AmazonS3ClientBuilder.standard()
        .withPathStyleAccessEnabled(true)
        .withChunkedEncodingDisabled(true) // the stand-in would keep the chunks' signatures
        .withEndpointConfiguration(new EndpointConfiguration("http://127.0.0.1:" + server.getAddress().getPort(), "here"))
        .withCredentials(new AWSStaticCredentialsProvider(new BasicAWSCredentials("user", "secret")))
        .build();
    return new S3StorageLockClient(s3, LOCK);
  }

  private static StorageLockData of(String owner) {
    return new StorageLockData(false, System.currentTimeMillis() + 60_000, owner);
  }

  @Test
  void whoComesFirstHasIt() {
    try (var one = client(); var other = client()) {
      assertThat(one.readCurrentLockFile().getLeft()).isEqualTo(LockGetResult.NOT_EXISTS);
      assertThat(one.tryUpsertLockFile(of("one"), Option.empty()).getLeft()).isEqualTo(LockUpsertResult.SUCCESS);
      assertThat(other.tryUpsertLockFile(of("other"), Option.empty()).getLeft())
          .isEqualTo(LockUpsertResult.ACQUIRED_BY_OTHERS);
      assertThat(other.readCurrentLockFile().getRight().get().getOwner()).isEqualTo("one");
    }
  }

  @Test
  void whatWasSeenLongAgoIsNotReplaced() {
    try (var one = client(); var other = client()) {
      var first = one.tryUpsertLockFile(of("one"), Option.empty()).getRight();
      assertThat(one.tryUpsertLockFile(of("one"), first).getLeft()).isEqualTo(LockUpsertResult.SUCCESS);
      assertThat(other.tryUpsertLockFile(of("other"), first).getLeft()).isEqualTo(LockUpsertResult.ACQUIRED_BY_OTHERS);
      Option<StorageLockFile> seen = other.readCurrentLockFile().getRight();
      assertThat(other.tryUpsertLockFile(of("other"), seen).getLeft()).isEqualTo(LockUpsertResult.SUCCESS);
    }
  }

  @Test
  void ofManyAtOnceOneHasIt() throws Exception {
    try (var client = client()) {
      var pool = Executors.newFixedThreadPool(8);
      var tries = new ArrayList<Callable<LockUpsertResult>>();
      for (int n = 0; n < 32; n++) {
        var owner = "owner " + n;
        tries.add(() -> client.tryUpsertLockFile(of(owner), Option.empty()).getLeft());
      }
      var found = new ArrayList<LockUpsertResult>();
      for (var one : pool.invokeAll(tries)) {
        found.add(one.get());
      }
      pool.shutdown();
      assertThat(found).filteredOn(LockUpsertResult.SUCCESS::equals).hasSize(1);
      assertThat(found).filteredOn(LockUpsertResult.ACQUIRED_BY_OTHERS::equals).hasSize(31);
    }
  }

  @ParameterizedTest
  @CsvSource({"503, THROTTLED", "429, THROTTLED", "409, ACQUIRED_BY_OTHERS", "403, UNKNOWN_ERROR"})
  void aServerThatDoesNotTakeItIsNoSuccess(int code, LockUpsertResult meaning) {
    failing = code;
    try (var client = client()) {
      assertThat(client.tryUpsertLockFile(of("one"), Option.empty()).getLeft()).isEqualTo(meaning);
      assertThat(client.readCurrentLockFile().getLeft()).isEqualTo(LockGetResult.UNKNOWN_ERROR);
      assertThat(List.of(client.writeObject(LOCK, "text"), client.readObject(LOCK, false).isPresent())).containsOnly(false);
    }
  }
}
