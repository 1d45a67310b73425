#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "delivery/delivery_fixture.h"

// A process that delivers is killed at random moments, and what its function saw is held against
// the promise: every record at least once, in order per shard, nothing skipped, no more repeated
// than the contract says, and no batch parked twice.

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
      log::Batch batch(clock_.now());
      for (Offset i = stream->log().end_offset(shard); i < records_per_shard; ++i)
        batch.add(shard, "key", std::to_string(i));
      auto ticket = stream->log().append(batch, patience).value().ticket;
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

}  // namespace
}  // namespace tailrace::delivery
