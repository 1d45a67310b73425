import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A worker of an application of the Kinesis Client Library. It appends a line to a file, which all workers of the
 * application share, for each event: "worker shard record sequence.subsequence key data", "worker shard start" and
 * "worker shard end".
 *
 * <p>Arguments: Kinesis endpoint, DynamoDB endpoint, application, stream, worker, "fanout" or "polling", file.
 */
public final class Consumer {
  private static final StaticCredentialsProvider CREDENTIALS =
      StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));

  public static void main(String[] arguments) throws Exception {
    URI kinesisEndpoint = URI.create(arguments[0]);
    URI dynamoEndpoint = URI.create(arguments[1]);
    String application = arguments[2];
    String stream = arguments[3];
    String worker = arguments[4];
    boolean fanOut = arguments[5].equals("fanout");
    FileChannel file =
        FileChannel.open(Path.of(arguments[6]), StandardOpenOption.CREATE, StandardOpenOption.APPEND);

    KinesisAsyncClient kinesis =
        KinesisClientUtil.createKinesisAsyncClient(
            KinesisAsyncClient.builder()
                .endpointOverride(kinesisEndpoint)
                .region(Region.US_EAST_1)
                .credentialsProvider(CREDENTIALS));
    DynamoDbAsyncClient dynamo =
        DynamoDbAsyncClient.builder()
            .endpointOverride(dynamoEndpoint)
            .region(Region.US_EAST_1)
            .credentialsProvider(CREDENTIALS)
            .build();
    CloudWatchAsyncClient cloudWatch =
        CloudWatchAsyncClient.builder().region(Region.US_EAST_1).credentialsProvider(CREDENTIALS).build();

    ConfigsBuilder configs =
        new ConfigsBuilder(
            new SingleStreamTracker(
                stream,
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)),
            application,
            kinesis,
            dynamo,
            cloudWatch,
            worker,
            () -> new Processor(worker, file));
    // Everything sooner than by default, so that a test need not wait for minutes.
    Scheduler scheduler =
        new Scheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
            configs
                .leaseManagementConfig()
                .failoverTimeMillis(3000)
                .shardSyncIntervalMillis(1000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(2000),
            configs.lifecycleConfig(),
            configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
            configs.processorConfig(),
            configs
                .retrievalConfig()
                .retrievalSpecificConfig(
                    fanOut
                        ? new FanOutConfig(kinesis).streamName(stream).applicationName(application)
                        : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(250)));
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    scheduler.startGracefulShutdown().get(20, TimeUnit.SECONDS);
                  } catch (Exception exception) {
                    exception.printStackTrace();
                  }
                }));
    scheduler.run();
  }

  private static final class Processor implements ShardRecordProcessor {
    private final String worker;
    private final FileChannel file;
    private String shard;

    Processor(String worker, FileChannel file) {
      this.worker = worker;
      this.file = file;
    }

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      write("start");
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (var record : input.records()) {
        write(
            String.format(
                "record %s.%d %s %s",
                record.sequenceNumber(),
                record.subSequenceNumber(),
                record.partitionKey(),
                StandardCharsets.UTF_8.decode(record.data())));
      }
      if (!input.records().isEmpty()) {
        checkpoint(() -> input.checkpointer().checkpoint());
      }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shardEnded(ShardEndedInput input) {
      write("end");
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    // One write, so that the lines of workers do not mix and a kill leaves whole lines.
    private void write(String event) {
      try {
        file.write(ByteBuffer.wrap((worker + " " + shard + " " + event + "\n").getBytes(StandardCharsets.UTF_8)));
      } catch (IOException exception) {
        throw new RuntimeException(exception);
      }
    }

    private void checkpoint(Checkpoint checkpoint) {
      try {
        checkpoint.run();
      } catch (Exception exception) {
        // The lease went to another worker: it repeats what was not checkpointed.
        System.err.println("no checkpoint of " + shard + ": " + exception);
      }
    }

    private interface Checkpoint {
      void run() throws Exception;
    }
  }
}
