#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/throughput_commitment.h"
#include "record/account.h"
#include "record/hash_key.h"
#include "stream/reshard.h"
#include "stream/streams.h"

namespace tailrace::catalog {

// Of all streams together: what one machine's log files and index can bear, and AWS's own quota in
// its large regions.
inline constexpr std::uint32_t open_shards_max = 20000;
inline constexpr std::uint32_t on_demand_shards = 4;  // that a stream in on-demand mode begins with
inline constexpr std::size_t consumers_max = 20;      // of a stream
inline constexpr std::size_t tags_max = 50;           // of a stream or a consumer

// The one way to change streams while they are open. Each operation is one row of the catalogue
// written in one transaction, then the open stream takes it over: after a crash in between the
// stream is opened as the row says. An operation has happened when it returns without an error.
//
// They write to disk and wait for it: not for a thread that serves many. Any thread may call; one
// operation runs at a time.
//
// Errors are meant for the caller of an API as they are, with AWS's wording where there is one:
// Fault::not_found is AWS's ResourceNotFoundException, conflict ResourceInUseException, invalid
// InvalidArgumentException, full LimitExceededException; others are failures of ours. What the type
// of an input can tell (lengths, patterns, ranges that AWS calls ValidationException) the door
// checks, and also that a stream is in provisioned mode where AWS says ValidationException
// (on_demand_error()).
class StreamOperations {
 public:
  StreamOperations(Catalog& catalog, stream::Streams& streams, Clock& clock,
                   std::string account = Account{}.id)
      : catalog_(catalog), streams_(streams), clock_(clock), account_(std::move(account)) {}

  // ---- streams

  struct Create {
    std::string name;
    std::uint32_t shards = 1;
    stream::Mode mode = stream::Mode::provisioned;
    std::uint32_t max_record_kib = stream::record_kib_min;
    std::uint32_t warm_throughput_mibps = 0;
    stream::Tags tags;
  };
  Result<void> create(const Create& wanted);

  enum class Consumers { keep, remove };
  // Fault::conflict while a task or trigger names it, or with Consumers::keep while it has
  // consumers.
  Result<void> remove(const std::string& name, Consumers consumers);

  // Opens what the catalogue has and is not open, and gives open streams what it says of them, as
  // after a declaration was applied.
  struct Broken {
    stream::StreamSpec spec;
    Error error;
  };
  struct Followed {
    std::vector<std::shared_ptr<stream::Stream>> opened;
    std::vector<Broken> broken;                    // that cannot be opened
    std::vector<std::string> waiting_for_restart;  // whose `sync` changed: a log keeps its own
  };
  Result<Followed> follow_catalog();

  // Now and then: takes expired shards out of the rows, so that these stay small, and finishes
  // deletions that a crash or a failing disk cut short.
  Result<void> tidy();

  // ---- shards

  Result<void> split(const std::string& name, ShardNumber shard, HashKey new_first);
  Result<void> merge(const std::string& name, ShardNumber shard, ShardNumber adjacent);
  struct ShardCounts {
    std::uint32_t before = 0, after = 0;
  };
  Result<ShardCounts> update_shard_count(const std::string& name, std::uint32_t target);

  // ---- settings. Setting what is so already is no error.

  enum class Direction { increase, decrease };
  Result<void> set_retention(const std::string& name, std::int64_t hours, Direction direction);
  Result<void> set_mode(const std::string& name, stream::Mode mode,
                        std::optional<std::uint32_t> warm_throughput_mibps = std::nullopt);
  Result<void> set_max_record_kib(const std::string& name, std::uint32_t kib);
  Result<void> set_warm_throughput(const std::string& name, std::uint32_t mibps);
  // Nothing: no encryption.
  Result<void> set_encryption(const std::string& name, std::optional<std::string> kms_key_id);
  struct Metrics {
    std::set<stream::ShardMetric> before, after;
  };
  Result<Metrics> enable_shard_metrics(const std::string& name,
                                       const std::set<stream::ShardMetric>& metrics);
  Result<Metrics> disable_shard_metrics(const std::string& name,
                                        const std::set<stream::ShardMetric>& metrics);

  // ---- consumers, and what streams and consumers have alike

  struct Resource {
    std::string stream;
    std::string consumer;                         // empty: the stream itself
    std::optional<std::int64_t> created_seconds;  // of the consumer, where its ARN tells
  };
  Result<void> add_tags(const Resource& resource, const stream::Tags& tags);
  Result<void> remove_tags(const Resource& resource, const std::vector<std::string>& keys);
  Result<void> put_policy(const Resource& resource, const std::string& policy);
  // Fault::not_found also when there is none.
  Result<void> delete_policy(const Resource& resource);
  Result<stream::Consumer> register_consumer(const std::string& name, const std::string& consumer,
                                             const stream::Tags& tags);
  // Whoever reads as it is woken (Stream::when_readable()) and finds it gone.
  Result<void> deregister_consumer(const Resource& consumer);

  // ---- the account

  std::uint32_t open_shards() const;
  // 32 random bytes, made at the first start and kept: what signs tokens must outlive a restart.
  Result<std::string> iterator_key();
  Result<ThroughputCommitment> throughput_commitment();
  // As it is then.
  Result<ThroughputCommitment> ask_throughput_commitment(bool wanted);

  // For doors that look before they ask.
  Error no_stream_error(const std::string& name) const;
  Error on_demand_error(const std::string& name) const;

 private:
  using Mutate = std::function<Result<void>(stream::StreamSpec&)>;
  // Reads, changes and writes the row in one transaction, then the open stream follows.
  Result<void> change(const std::string& name, const Mutate& mutate);
  Result<void> change_consumer(const Resource& resource,
                               const std::function<Result<void>(stream::Consumer&)>& mutate);
  Result<void> change_tags(const Resource& resource,
                           const std::function<Result<void>(stream::Tags&)>& mutate);
  Result<void> change_policy(const Resource& resource,
                             const std::function<Result<void>(std::string&)>& mutate);
  Result<void> finish_deletion(const stream::StreamSpec& spec);
  Result<void> check_room_for(std::uint32_t more_shards) const;
  Error no_shard_error(const std::string& name, ShardNumber shard) const;
  Error no_consumer_error(const Resource& consumer) const;
  std::string of_account(const std::string& name) const;
  std::int64_t now_ms() const;
  std::int64_t now_seconds() const;

  Catalog& catalog_;
  stream::Streams& streams_;
  Clock& clock_;
  const std::string account_;
  std::mutex changing_;
};

}  // namespace tailrace::catalog
