import com.google.common.util.concurrent.ListenableFuture;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Puts records with the Kinesis Producer Library, which aggregates them, and prints a line for each that was
 * acknowledged: "shard sequence key data".
 *
 * <p>Arguments: host, port, port of STS, temporary folder, stream, number of keys, records per key.
 */
public final class Producer {
  private record Put(String key, String data, ListenableFuture<UserRecordResult> result) {}

  public static void main(String[] arguments) throws Exception {
    String stream = arguments[4];
    int keys = Integer.parseInt(arguments[5]);
    int records = Integer.parseInt(arguments[6]);
    KinesisProducer producer =
        new KinesisProducer(
            new KinesisProducerConfiguration()
                .setKinesisEndpoint(arguments[0])
                .setKinesisPort(Integer.parseInt(arguments[1]))
                .setStsEndpoint(arguments[0])
                .setStsPort(Integer.parseInt(arguments[2]))
                .setVerifyCertificate(false)
                .setTempDirectory(arguments[3])
                .setRegion("us-east-1")
                .setCredentialsProvider(
                    StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
                .setMetricsLevel("none")
                .setLogLevel("warning"));
    List<Put> puts = new ArrayList<>();
    for (int number = 0; number < records; number++) {
      // Longer than it takes to learn the shards: before that nothing is aggregated.
      Thread.sleep(20);
      for (int key = 0; key < keys; key++) {
        String data = String.valueOf(number);
        puts.add(
            new Put(
                "k" + key,
                data,
                producer.addUserRecord(stream, "k" + key, ByteBuffer.wrap(data.getBytes(StandardCharsets.UTF_8)))));
      }
    }
    for (Put put : puts) {
      UserRecordResult result = put.result().get(60, TimeUnit.SECONDS);
      System.out.printf("%s %s %s %s%n", result.getShardId(), result.getSequenceNumber(), put.key(), put.data());
    }
    producer.flushSync();
    producer.destroy();
  }
}
