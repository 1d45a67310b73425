// Many threads at once; made for ThreadSanitizer as much as for its own checks.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/guarded.h"
#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using testing::patience;

class ConcurrencyTest : public testing::LogFixture {};

std::string payload_of(int writer, int n) {
  return std::to_string(writer) + ":" + std::to_string(n) + std::string(50, '.');
}

TEST_F(ConcurrencyTest, WritersReadersAndRetirementDoNotDisturbEachOther) {
  constexpr int writers = 4, per_writer = 300;
  constexpr ShardNumber shards = 3;
  options.segment_bytes_max = 4000;
  open();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  // What append() said where a record would be; readers must find just that.
  Guarded<std::map<std::pair<ShardNumber, Offset>, std::string>> places;

  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (int n = 0; n < per_writer; ++n) {
        Batch batch;
        auto shard = static_cast<ShardNumber>((writer + n) % static_cast<int>(shards));
        batch.add(shard, "key", payload_of(writer, n));
        StreamLog::Ticket ticket = 0;
        places.with([&](auto& known) {
          auto appended = log->append(batch, patience);
          if (!appended) return void(++wrong);
          ticket = appended->ticket;
          known[{shard, appended->firsts[0].offset}] = payload_of(writer, n);
        });
        if (n % 3 == 0 && !log->wait_durable(ticket, patience)) ++wrong;
      }
    });
  }
  for (ShardNumber shard = 0; shard < shards; ++shard) {
    threads.emplace_back([&, shard] {
      Offset at = 0;
      while (!done || at < log->end_offset(shard)) {
        Offset end = log->end_offset(shard);
        auto read = log->read(shard, at, 7, 1000);
        if (!read) {
          // Retired under the reader: the error says so, and the horizon has passed us.
          if (read.error().fault != Fault::not_found || log->first_offset(shard) <= at) ++wrong;
          at = std::max(at + 1, log->first_offset(shard));
          continue;
        }
        if (read->records.empty() && at < end) ++wrong;
        places.with([&](auto& known) {
          for (const Record& record : read->records)
            if (known[{shard, record.offset}] != record.payload) ++wrong;
        });
        at = read->next;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      if (!log->retire(0, 20000)) ++wrong;
      if (!log->offset_at(0, 1)) ++wrong;
      (void)log->statistics();
      std::this_thread::yield();
    }
  });

  for (int writer = 0; writer < writers; ++writer) threads[static_cast<std::size_t>(writer)].join();
  if (!log->wait_durable(writers * per_writer, patience)) ++wrong;
  done = true;
  for (std::size_t i = writers; i < threads.size(); ++i) threads[i].join();
  EXPECT_EQ(wrong, 0);
  Offset records = 0;
  for (ShardNumber shard = 0; shard < shards; ++shard) records += log->end_offset(shard);
  EXPECT_EQ(records, static_cast<Offset>(writers * per_writer));
  EXPECT_TRUE(log->damage().empty());
}

TEST_F(ConcurrencyTest, ThirtyTwoWaitersAreEachWokenByTheGroupThatHoldsTheirBatch) {
  open();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 32; ++writer) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        Batch batch;
        batch.add(0, "key", "payload");
        auto appended = log->append(batch, patience);
        if (!appended || !log->wait_durable(appended->ticket, patience) ||
            log->durable() < appended->ticket ||
            log->read(0, appended->firsts[0].offset, 1, 100)->records.size() != 1)
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(log->end_offset(0), 1600u);
}

}  // namespace
}  // namespace tailrace::log
