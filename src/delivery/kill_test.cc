#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "delivery/delivery_fixture.h"

// A process that delivers is killed at random moments, and what its function saw is held against
// the promise: every record at least once, in order per shard and per key, nothing skipped, no more
// repeated than the contract says, and no batch parked twice.

namespace tailrace::delivery {
namespace {

constexpr std::uint32_t batch_size = 10;
constexpr Offset records_per_shard = 3000;
constexpr ShardNumber shards = 2;

// A batch that holds one of these fails always.
bool poisonous(Offset offset) { return offset % 250 == 125; }

struct Handed {
  ShardNumber shard;
  Offset first, last;
};

// Tells a pipe about every batch before it answers: one write of one struct is never torn.
class TellingFunctions final : public Invoker {
 public:
  explicit TellingFunctions(int pipe) : pipe_(pipe) {}
  void invoke(const std::string& function, const std::string& request_id,
              std::shared_ptr<const std::string> event, std::function<void(Answer)> done) override {
    Seen seen = read_event(function, request_id, *event);
    Handed handed{seen.shard, std::stoull(seen.data.front()), std::stoull(seen.data.back())};
    bool poison = false;
    for (Offset at = handed.first; at <= handed.last; ++at) poison = poison || poisonous(at);
    if (::write(pipe_, &handed, sizeof handed) != sizeof handed) ::_exit(2);
    done(poison ? function_error() : delivery::done());
  }

 private:
  int pipe_;
};

class KillTest : public testing::Test {
 protected:
  KillTest() : folder_(make_temporary_folder()) { spdlog::set_level(spdlog::level::off); }
  ~KillTest() override { std::filesystem::remove_all(folder_); }

  // Delivers until every record is handled, in this process.
  void deliver(Invoker& functions) {
    auto data = DiskDirectory::open_or_create(folder_).value();
    stream::Streams streams(*data, clock_);
    auto stream = streams.open(stream_spec("orders", shards)).value();
    for (ShardNumber shard = 0; shard < shards; ++shard) {
      stream::Batch batch = stream->begin_batch();
      for (Offset i = stream->latest(shard); i < records_per_shard; ++i)
        add_to(batch, *stream, shard, std::to_string(i));
      auto ticket = stream->append(batch, patience).value().ticket;
      ASSERT_TRUE(stream->log().wait_durable(ticket, patience));
    }
    Pool pool;
    Deliveries::Options options;
    options.file = folder_ + "/delivery.sqlite";
    options.retry_delay_min = options.retry_delay_max = std::chrono::milliseconds(1);
    auto deliveries = Deliveries::make(pool.io, options, streams, functions, clock_).value();
    auto spec = trigger_spec("orders", "f");
    spec.batch_size = batch_size;
    spec.attempts_max = 2;
    ASSERT_TRUE(deliveries->put(spec));
    ASSERT_TRUE(wait_until(*deliveries, [&] {
      return deliveries->delivered("orders", {{0, records_per_shard}, {1, records_per_shard}});
    }));
    parked_ = deliveries->parked().value();
  }

  // Starts a process that delivers and kills it after it has handed over so many batches.
  void deliver_and_kill_after(int batches) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      {
        TellingFunctions functions(ends[1]);
        deliver(functions);
      }
      ::_exit(HasFailure() ? 1 : 0);
    }
    ::close(ends[1]);
    read_handed(ends[0], batches);
    ::kill(child, SIGKILL);
    read_handed(ends[0], std::numeric_limits<int>::max());  // what it wrote before it died
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the child failed";
  }
  void read_handed(int pipe, int most) {
    Handed handed{};
    for (int i = 0; i < most; ++i) {
      if (::read(pipe, &handed, sizeof handed) != sizeof handed) return;
      handed_.push_back(handed);
    }
  }

  std::string folder_;
  SystemClock clock_;
  std::vector<Handed> handed_;
  std::vector<Parked> parked_;
};

TEST_F(KillTest, NothingIsSkippedWhereverDeliveryIsKilled) {
  auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  std::map<ShardNumber, Offset> next;
  for (int round = 0; round < 12; ++round) {
    handed_.clear();
    deliver_and_kill_after(std::uniform_int_distribution<int>(0, 60)(random));
    std::map<ShardNumber, Handed> before;
    for (const Handed& handed : handed_) {
      Offset& expected = next[handed.shard];
      auto last = before.find(handed.shard);
      if (last == before.end()) {
        ASSERT_LE(handed.first, expected) << "skipped, shard " << handed.shard;
        // The batch in flight, and eight whose checkpoints were not written.
        ASSERT_LE(expected - handed.first, 9 * batch_size);
      } else if (handed.first != last->second.first) {  // else a retry
        ASSERT_EQ(handed.first, last->second.last + 1) << "out of order, shard " << handed.shard;
      }
      before[handed.shard] = handed;
      expected = std::max(expected, handed.last + 1);
    }
  }

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  handed_.clear();
  std::thread reader([&] { read_handed(ends[0], std::numeric_limits<int>::max()); });
  {
    TellingFunctions functions(ends[1]);
    deliver(functions);
  }
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  for (const Handed& handed : handed_) {
    ASSERT_LE(handed.first, next[handed.shard]);
    next[handed.shard] = std::max(next[handed.shard], handed.last + 1);
  }

  std::map<ShardNumber, std::vector<Offset>> poison;
  for (const Parked& batch : parked_) {
    EXPECT_EQ(batch.attempts, 2u);
    for (Offset at = batch.first; at <= batch.last; ++at)
      if (poisonous(at)) poison[batch.shard].push_back(at);
  }
  for (ShardNumber shard = 0; shard < shards; ++shard) {
    EXPECT_EQ(next[shard], records_per_shard);
    std::vector<Offset> expected;
    for (Offset at = 0; at < records_per_shard; ++at)
      if (poisonous(at)) expected.push_back(at);
    EXPECT_EQ(poison[shard], expected) << "each poisoned batch is parked once";
  }
}

// A record of a stream that was split and merged: the how-manieth of its key.
struct Numbered {
  std::uint32_t key, number;
};

constexpr std::uint32_t keys = 40;
constexpr std::uint32_t records_per_key = 120;
constexpr std::uint32_t reshards = 12;

// Tells a pipe about every record, in one write a batch.
class NumberedFunctions final : public Invoker {
 public:
  explicit NumberedFunctions(int pipe) : pipe_(pipe) {}
  void invoke(const std::string& function, const std::string& request_id,
              std::shared_ptr<const std::string> event, std::function<void(Answer)> done) override {
    std::vector<Numbered> numbered;
    for (const std::string& data : read_event(function, request_id, *event).data) {
      auto slash = data.find('/');
      numbered.push_back({static_cast<std::uint32_t>(std::stoul(data.substr(0, slash))),
                          static_cast<std::uint32_t>(std::stoul(data.substr(slash + 1)))});
    }
    auto bytes = static_cast<ssize_t>(numbered.size() * sizeof(Numbered));
    if (::write(pipe_, numbered.data(), static_cast<std::size_t>(bytes)) != bytes) ::_exit(2);
    done(delivery::done());
  }

 private:
  int pipe_;
};

class ReshardingKillTest : public testing::Test {
 protected:
  ReshardingKillTest() : folder_(make_temporary_folder()) { spdlog::set_level(spdlog::level::off); }
  ~ReshardingKillTest() override { std::filesystem::remove_all(folder_); }

  // Splits and merges a stream while it is filled, each key's records in order.
  void fill(std::minstd_rand& random) {
    auto data = DiskDirectory::open_or_create(folder_).value();
    stream::Streams streams(*data, clock_);
    auto stream = streams.open(stream_spec("orders", 2)).value();
    for (std::uint32_t number = 0; number < records_per_key; ++number) {
      stream::Batch batch = stream->begin_batch();
      for (std::uint32_t key = 0; key < keys; ++key)
        batch.add("key " + std::to_string(key), std::to_string(key) + "/" + std::to_string(number));
      // Also between routing and appending.
      if (number % (records_per_key / reshards) == 5) reshard(*stream, random);
      auto ticket = stream->append(batch, patience).value().ticket;
      ASSERT_TRUE(stream->log().wait_durable(ticket, patience));
    }
    spec_ = *stream->spec();
  }
  static void reshard(stream::Stream& stream, std::minstd_rand& random) {
    auto open = stream.open_shards();
    auto at = std::uniform_int_distribution<std::size_t>(0, open.size() - 1)(random);
    if (open.size() < 3 || (random() % 2 == 0 && open.size() < 8))
      split(stream, open[at].number);
    else if (at + 1 < open.size())
      merge(stream, open[at].number, open[at + 1].number);
    else
      merge(stream, open[at - 1].number, open[at].number);
  }

  void deliver(int pipe) {
    auto data = DiskDirectory::open_or_create(folder_).value();
    stream::Streams streams(*data, clock_);
    auto stream = streams.open(spec_).value();
    NumberedFunctions functions(pipe);
    Pool pool;
    Deliveries::Options options;
    options.file = folder_ + "/delivery.sqlite";
    auto deliveries = Deliveries::make(pool.io, options, streams, functions, clock_).value();
    auto spec = trigger_spec("orders", "f");
    spec.batch_size = batch_size;
    ASSERT_TRUE(deliveries->put(spec));
    std::vector<std::pair<ShardNumber, Offset>> ends;
    for (const stream::Shard& shard : stream->shards())
      ends.emplace_back(shard.number, stream->latest(shard.number));
    ASSERT_TRUE(wait_until(*deliveries, [&] { return deliveries->delivered("orders", ends); }));
  }

  // What a process delivered until it was killed after so many records, or had delivered all.
  std::vector<Numbered> deliver_and_kill_after(std::size_t records) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      deliver(ends[1]);
      ::_exit(HasFailure() ? 1 : 0);
    }
    ::close(ends[1]);
    std::vector<Numbered> all;
    bool killed = false;
    for (Numbered one; ::read(ends[0], &one, sizeof one) == sizeof one;) {
      all.push_back(one);
      if (all.size() >= records && !std::exchange(killed, true)) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the child failed";
    return all;
  }

  std::string folder_;
  TestClock clock_;
  stream::StreamSpec spec_;
};

TEST_F(ReshardingKillTest, EachKeysOrderIsKeptOverReshardsWhereverDeliveryIsKilled) {
  auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  fill(random);
  if (HasFailure()) return;

  std::vector<std::uint32_t> next(keys, 0);  // of each key, what was not seen yet
  for (int round = 0; round <= 12; ++round) {
    bool last_round = round == 12;
    std::size_t records = std::uniform_int_distribution<std::size_t>(1, 900)(random);
    std::map<std::uint32_t, std::uint32_t> before;  // in this process
    for (Numbered one : deliver_and_kill_after(last_round ? SIZE_MAX : records)) {
      auto last = before.find(one.key);
      if (last == before.end())
        ASSERT_LE(one.number, next[one.key]) << "skipped, key " << one.key;
      else
        ASSERT_EQ(one.number, last->second + 1) << "out of order, key " << one.key;
      before[one.key] = one.number;
      next[one.key] = std::max(next[one.key], one.number + 1);
    }
  }

  EXPECT_EQ(next, std::vector<std::uint32_t>(keys, records_per_key));
}

}  // namespace
}  // namespace tailrace::delivery
