package org.apache.hudi.aws.transaction.lock;

import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.AmazonS3Exception;
import com.amazonaws.services.s3.model.ObjectMetadata;
import com.amazonaws.services.s3.model.PutObjectRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.hadoop.conf.Configuration;
import org.apache.hudi.client.transaction.lock.StorageLockClient;
import org.apache.hudi.client.transaction.lock.models.LockGetResult;
import org.apache.hudi.client.transaction.lock.models.LockUpsertResult;
import org.apache.hudi.client.transaction.lock.models.StorageLockData;
import org.apache.hudi.client.transaction.lock.models.StorageLockFile;
import org.apache.hudi.common.util.Option;
import org.apache.hudi.common.util.collection.Pair;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The lock of a table on S3: an object that is written only if it is what its writer last saw. Hudi names this class for
 * {@code s3a://}, and ships it in hudi-aws, which there is not of 1.2.0. This one is on the SDK that hadoop-aws brings, and
 * goes by what Hadoop is configured with. That SDK knows no conditional writes, so their headers are set by hand.
 */
public final class S3StorageLockClient implements StorageLockClient {
  private static final Logger LOG = LoggerFactory.getLogger(S3StorageLockClient.class);
  private static final int NOT_FOUND = 404, CONFLICT = 409, NOT_AS_EXPECTED = 412, TOO_MANY = 429, BUSY = 503;

  private final AmazonS3 s3;
  private final String bucket;
  private final String key;

  /** Called by Hudi, by this signature. */
  public S3StorageLockClient(String owner, String uri, Properties properties) {
    this(client(new Configuration()), uri);
  }

  S3StorageLockClient(AmazonS3 s3, String uri) {
    var place = StorageLockClient.parseBucketAndPath(uri);
    this.s3 = s3;
    this.bucket = place.getLeft();
    this.key = place.getRight();
  }

  private static AmazonS3 client(Configuration hadoop) {
    var builder = AmazonS3ClientBuilder.standard()
        .withPathStyleAccessEnabled(hadoop.getBoolean("fs.s3a.path.style.access", false))
        .withCredentials(credentials(hadoop));
    var region = hadoop.getTrimmed("fs.s3a.endpoint.region", "us-east-1");
    var endpoint = hadoop.getTrimmed("fs.s3a.endpoint", "");
    if (endpoint.isEmpty()) {
      return builder.withRegion(region).build();
    }
    return builder.withEndpointConfiguration(new EndpointConfiguration(endpoint, region)).build();
  }

  private static AWSCredentialsProvider credentials(Configuration hadoop) {
    var user = hadoop.getTrimmed("fs.s3a.access.key", "");
    return user.isEmpty() ? DefaultAWSCredentialsProviderChain.getInstance()
        : new AWSStaticCredentialsProvider(new BasicAWSCredentials(user, hadoop.getTrimmed("fs.s3a.secret.key", "")));
  }

  @Override
  public Pair<LockUpsertResult, Option<StorageLockFile>> tryUpsertLockFile(
      StorageLockData data, Option<StorageLockFile> previous) {
    try {
      var content = StorageLockFile.toByteArray(data);
      var version = previous.isPresent()
          ? put(key, content, "If-Match", '"' + previous.get().getVersionId() + '"')
          : put(key, content, "If-None-Match", "*");
      return Pair.of(LockUpsertResult.SUCCESS, Option.of(new StorageLockFile(data, version)));
    } catch (AmazonS3Exception e) {
      return Pair.of(meaning(e), Option.empty());
    } catch (RuntimeException e) {
      LOG.warn("The lock {} could not be written", key, e);
      return Pair.of(LockUpsertResult.UNKNOWN_ERROR, Option.empty());
    }
  }

  private LockUpsertResult meaning(AmazonS3Exception e) {
    return switch (e.getStatusCode()) {
      case NOT_AS_EXPECTED, CONFLICT -> LockUpsertResult.ACQUIRED_BY_OTHERS;
      case TOO_MANY, BUSY -> LockUpsertResult.THROTTLED;
      default -> {
        LOG.warn("The lock {} could not be written", key, e);
        yield LockUpsertResult.UNKNOWN_ERROR;
      }
    };
  }

  private String put(String at, byte[] content, String condition, String value) {
    var metadata = new ObjectMetadata();
    metadata.setContentLength(content.length);
    var request = new PutObjectRequest(bucket, at, new ByteArrayInputStream(content), metadata);
    if (condition != null) {
      request.putCustomRequestHeader(condition, value);
    }
    return s3.putObject(request).getETag();
  }

  @Override
  public Pair<LockGetResult, Option<StorageLockFile>> readCurrentLockFile() {
    try (var object = s3.getObject(bucket, key); var in = object.getObjectContent()) {
      var version = object.getObjectMetadata().getETag();
      return Pair.of(LockGetResult.SUCCESS, Option.of(StorageLockFile.createFromStream(in, version)));
    } catch (AmazonS3Exception e) {
      if (e.getStatusCode() == NOT_FOUND) {
        return Pair.of(LockGetResult.NOT_EXISTS, Option.empty());
      }
      LOG.warn("The lock {} could not be read", key, e);
    } catch (RuntimeException | IOException e) {
      LOG.warn("The lock {} could not be read", key, e);
    }
    return Pair.of(LockGetResult.UNKNOWN_ERROR, Option.empty());
  }

  @Override
  public Option<String> readObject(String uri, boolean checkExistsFirst) {
    var place = StorageLockClient.parseBucketAndPath(uri);
    try {
      return Option.of(s3.getObjectAsString(place.getLeft(), place.getRight()));
    } catch (RuntimeException e) {
      return Option.empty();
    }
  }

  @Override
  public boolean writeObject(String uri, String content) {
    try {
      put(StorageLockClient.parseBucketAndPath(uri).getRight(), content.getBytes(StandardCharsets.UTF_8), null, null);
      return true;
    } catch (RuntimeException e) {
      LOG.warn("{} could not be written", uri, e);
      return false;
    }
  }

  @Override
  public void close() {
    s3.shutdown();
  }
}
