import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * For a Kafka broker what kinesis_load is for servers that speak Kinesis, with Kafka's own clients: the same loads, the
 * same figures as one JSON object.
 *
 * <pre>
 * KafkaLoad PORT create TOPIC PARTITIONS FLUSH_MESSAGES      0: the default, never
 * KafkaLoad PORT put TOPIC PRODUCERS BATCH BYTES SECONDS     a batch, its acknowledgement, the next
 * KafkaLoad PORT get TOPIC CONSUMERS LIMIT SECONDS           from the beginning to the end, and again
 * KafkaLoad PORT fan-out TOPIC PER_SECOND BYTES SECONDS      from a producer to a consumer that waits
 * </pre>
 */
public final class KafkaLoad {
  // The JVM compiles what it runs often; before that its figures say little.
  private static final double WARM_UP_SECONDS = 3;
  private static final long PATIENCE_NANOSECONDS = 10_000_000_000L;

  private final String servers;
  private final String topic;

  private KafkaLoad(String port, String topic) {
    this.servers = "127.0.0.1:" + port;
    this.topic = topic;
  }

  public static void main(String[] args) throws Exception {
    KafkaLoad load = new KafkaLoad(args[0], args[2]);
    switch (args[1]) {
      case "create" -> load.create(Integer.parseInt(args[3]), Long.parseLong(args[4]));
      case "put" -> load.put(Integer.parseInt(args[3]), Integer.parseInt(args[4]), Integer.parseInt(args[5]),
          Double.parseDouble(args[6]));
      case "get" -> load.get(Integer.parseInt(args[3]), Integer.parseInt(args[4]), Double.parseDouble(args[5]));
      case "fan-out" -> load.fanOut(Double.parseDouble(args[3]), Integer.parseInt(args[4]),
          Double.parseDouble(args[5]));
      default -> throw new IllegalArgumentException(args[1]);
    }
  }

  private void create(int partitions, long flushMessages) throws Exception {
    NewTopic made = new NewTopic(topic, partitions, (short) 1);
    if (flushMessages > 0) made.configs(Map.of("flush.messages", Long.toString(flushMessages)));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      admin.createTopics(List.of(made)).all().get();
    }
  }

  private KafkaProducer<byte[], byte[]> producer(int batchBytes) {
    String serializer = "org.apache.kafka.common.serialization.ByteArraySerializer";
    // What is sent waits for flush() or for its future, never for time: linger only lets a batch fill before it leaves.
    return new KafkaProducer<>(Map.of("bootstrap.servers", servers, "acks", "all", "key.serializer", serializer,
        "value.serializer", serializer, "batch.size", Integer.toString(batchBytes),
        "linger.ms", batchBytes > (64 << 10) ? "1000" : "0"));
  }

  private KafkaConsumer<byte[], byte[]> consumer(int limit) {
    String deserializer = "org.apache.kafka.common.serialization.ByteArrayDeserializer";
    return new KafkaConsumer<>(Map.of("bootstrap.servers", servers, "key.deserializer", deserializer,
        "value.deserializer", deserializer, "max.poll.records", Integer.toString(limit)));
  }

  /** What one thread does over and over. */
  private interface Work extends AutoCloseable {
    /** How many records that were. */
    int step() throws Exception;

    @Override
    void close();
  }

  private interface MakeWork {
    Work make(int number);
  }

  private void closedLoop(int threads, double seconds, MakeWork make) throws Exception {
    long begin = System.nanoTime() + (long) (WARM_UP_SECONDS * 1e9);
    long end = begin + (long) (seconds * 1e9);
    AtomicLong records = new AtomicLong();
    AtomicLong last = new AtomicLong(end);
    AtomicReference<Throwable> failed = new AtomicReference<>();
    Latencies all = new Latencies();
    List<Thread> running = new ArrayList<>();
    for (int n = 0; n < threads; ++n) {
      int number = n;
      Thread thread = new Thread(() -> {
        Latencies own = new Latencies();
        try (Work work = make.make(number)) {
          // Each thread has one answer at least, however slow the broker is.
          for (long now = System.nanoTime(); now < end || own.count() == 0;) {
            int done = work.step();
            long answered = System.nanoTime();
            if (answered >= begin) {
              own.add(answered - now);
              records.addAndGet(done);
              last.accumulateAndGet(answered, Math::max);
            }
            now = answered;
          }
        } catch (Throwable problem) {
          failed.set(problem);
        }
        synchronized (all) {
          all.add(own);
        }
      });
      thread.start();
      running.add(thread);
    }
    for (Thread thread : running) thread.join();
    if (failed.get() != null) throw new RuntimeException(failed.get());
    double measured = (last.get() - begin) / 1e9;
    System.out.printf(Locale.ROOT,
        "{\"seconds\": %f, \"requests\": %d, \"records\": %d, \"records_per_second\": %f, \"errors\": 0, "
            + "\"first_error\": \"\", \"latency_ms\": %s}%n",
        measured, all.count(), records.get(), records.get() / measured, all.json());
  }

  private void put(int producers, int batch, int bytes, double seconds) throws Exception {
    closedLoop(producers, seconds, number -> new Work() {
      private final KafkaProducer<byte[], byte[]> producer = producer(batch > 1 ? 1 << 20 : 16 << 10);
      private final byte[] data = new byte[bytes];
      private final List<Future<RecordMetadata>> sent = new ArrayList<>();
      private long key = (long) number << 24;

      {
        new Random(number).nextBytes(data);
      }

      @Override
      public int step() throws Exception {
        sent.clear();
        for (int n = 0; n < batch; ++n) {
          byte[] keyBytes = String.format("%08x", key++).getBytes(StandardCharsets.US_ASCII);
          sent.add(producer.send(new ProducerRecord<>(topic, keyBytes, data)));
        }
        if (batch > 1) producer.flush();
        for (Future<RecordMetadata> one : sent) one.get();
        return batch;
      }

      @Override
      public void close() {
        producer.close();
      }
    });
  }

  private void get(int consumers, int limit, double seconds) throws Exception {
    closedLoop(consumers, seconds, number -> new Work() {
      private final KafkaConsumer<byte[], byte[]> consumer = consumer(limit);
      private final TopicPartition partition;

      {
        partition = new TopicPartition(topic, number % consumer.partitionsFor(topic).size());
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
      }

      @Override
      public int step() {
        int records = consumer.poll(Duration.ofMillis(20)).count();
        if (records == 0) consumer.seekToBeginning(List.of(partition));
        return records;
      }

      @Override
      public void close() {
        consumer.close();
      }
    });
  }

  private void fanOut(double perSecond, int bytes, double seconds) throws Exception {
    Latencies arrived = new Latencies();
    Latencies acknowledged = new Latencies();
    AtomicLong read = new AtomicLong();
    AtomicLong begin = new AtomicLong(Long.MAX_VALUE);
    AtomicReference<Throwable> failed = new AtomicReference<>();
    Thread reader;
    long written = 0;
    try (KafkaProducer<byte[], byte[]> producer = producer(16 << 10)) {
      KafkaConsumer<byte[], byte[]> consumer = consumer(500);
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToEnd(List.of(partition));
      consumer.position(partition);  // asks the broker: what is written from here on is read
      reader = new Thread(() -> {
        try (consumer) {
          while (!Thread.interrupted()) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
              long now = System.nanoTime();
              long sent = Long.parseLong(new String(record.value(), 0, 20, StandardCharsets.US_ASCII));
              if (sent >= begin.get()) arrived.add(now - sent);
              read.incrementAndGet();
            }
          }
        } catch (org.apache.kafka.common.errors.InterruptException end) {
          return;  // every record was read
        } catch (Throwable problem) {
          failed.set(problem);
        }
      });
      reader.start();
      begin.set(System.nanoTime() + (long) (WARM_UP_SECONDS * 1e9));
      long end = begin.get() + (long) (seconds * 1e9);
      byte[] data = new byte[Math.max(bytes, 20)];
      Arrays.fill(data, (byte) '.');
      for (long due = System.nanoTime(); due < end;) {
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
          Thread.sleep(left / 1_000_000, (int) (left % 1_000_000));
        }
        long sent = System.nanoTime();
        System.arraycopy(String.format("%020d", sent).getBytes(StandardCharsets.US_ASCII), 0, data, 0, 20);
        producer.send(new ProducerRecord<>(topic, null, data.clone())).get();
        ++written;
        if (sent >= begin.get()) acknowledged.add(System.nanoTime() - sent);
        due = sent + (long) (1e9 / perSecond);
      }
      for (long late = System.nanoTime() + PATIENCE_NANOSECONDS; read.get() < written;) {
        if (System.nanoTime() > late || failed.get() != null) break;
        Thread.sleep(1);
      }
    }
    reader.interrupt();
    reader.join();
    if (failed.get() != null) throw new RuntimeException(failed.get());
    if (read.get() < written) throw new RuntimeException(written - read.get() + " records did not arrive");
    System.out.printf("{\"arrived_ms\": %s, \"acknowledged_ms\": %s}%n", arrived.json(), acknowledged.json());
  }

  /** Every latency that was measured, exactly. */
  private static final class Latencies {
    private long[] nanoseconds = new long[1 << 12];
    private int count = 0;

    void add(long latency) {
      if (count == nanoseconds.length) nanoseconds = Arrays.copyOf(nanoseconds, 2 * count);
      nanoseconds[count++] = latency;
    }

    void add(Latencies others) {
      for (int n = 0; n < others.count; ++n) add(others.nanoseconds[n]);
    }

    int count() {
      return count;
    }

    private double percentile(double share) {
      if (count == 0) return 0;
      int rank = (int) Math.ceil(share * count);
      return nanoseconds[Math.min(Math.max(rank, 1), count) - 1] / 1e6;
    }

    String json() {
      Arrays.sort(nanoseconds, 0, count);
      return String.format(Locale.ROOT,
          "{\"count\": %d, \"p50\": %f, \"p90\": %f, \"p99\": %f, \"p999\": %f, \"max\": %f}",
          count, percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999), percentile(1));
    }
  }
}
