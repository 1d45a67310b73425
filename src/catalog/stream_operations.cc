#include "catalog/stream_operations.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/random.h"

namespace tailrace::catalog {
namespace {

constexpr std::size_t iterator_key_bytes = 32;
const std::string iterator_key_name = "iterator_key";
const std::string commitment_name = "throughput_commitment";

Error damaged(const std::string& setting) {
  return {Fault::corrupt, "the setting " + setting + " in the catalogue is damaged"};
}

}  // namespace

// ---- streams

Result<void> StreamOperations::create(const Create& wanted) {
  std::lock_guard lock(changing_);
  if (auto named = stream::check_stream_name(wanted.name); !named) return named;
  stream::StreamSpec spec;
  spec.name = wanted.name;
  spec.incarnation = stream::random_incarnation();
  spec.created_seconds = now_seconds();
  spec.mode = wanted.mode;
  spec.declared_shards =
      wanted.mode == stream::Mode::on_demand ? on_demand_shards : std::max(wanted.shards, 1u);
  if (auto room = check_room_for(spec.declared_shards); !room) return room;
  spec.shards = stream::initial_shards(spec.declared_shards, spec.created_seconds);
  spec.max_record_kib = wanted.max_record_kib;
  spec.warm_throughput_mibps = wanted.warm_throughput_mibps;
  spec.tags = wanted.tags;

  auto added = catalog_.together([&](Catalog& inside) -> Result<void> {
    auto known = inside.stream(spec.name);
    if (!known) return std::move(known).error();
    if (*known)
      return Error{Fault::conflict, "Stream " + of_account(spec.name) + " already exists."};
    return inside.put(spec, Origin::api);
  });
  if (!added) return added;
  auto opened = streams_.open(spec);
  if (opened) return {};
  // Back to what was before; what the folder has already goes with the deletion.
  if (auto removed = catalog_.remove(Catalog::Kind::stream, spec.name); removed)
    (void)finish_deletion(spec);
  return std::move(opened).error();
}

Result<void> StreamOperations::remove(const std::string& name, Consumers consumers) {
  std::lock_guard lock(changing_);
  stream::StreamSpec spec;
  auto removed = catalog_.together([&](Catalog& inside) -> Result<void> {
    auto known = inside.stream(name);
    if (!known) return std::move(known).error();
    if (!*known) return no_stream_error(name);
    spec = std::move((*known)->spec);
    if (consumers == Consumers::keep && !spec.consumers.empty())
      return Error{Fault::conflict, "Stream " + of_account(name) + " has " +
                                        std::to_string(spec.consumers.size()) +
                                        " registered consumers: deregister them, or enforce "
                                        "their deletion."};
    return inside.remove(Catalog::Kind::stream, name);
  });
  if (!removed) return removed;
  return finish_deletion(spec);
}

Result<void> StreamOperations::finish_deletion(const stream::StreamSpec& spec) {
  if (auto removed = streams_.remove(spec); !removed) return removed;
  return catalog_.end_deletion(spec);
}

Result<StreamOperations::Followed> StreamOperations::follow_catalog() {
  std::lock_guard lock(changing_);
  auto entries = catalog_.streams();
  if (!entries) return std::move(entries).error();
  Followed followed;
  for (auto& entry : *entries) {
    if (auto open = streams_.find(entry.spec.name)) {
      auto before = open->spec();
      if (before->sync != entry.spec.sync) followed.waiting_for_restart.push_back(entry.spec.name);
      if (*before != entry.spec) open->adopt(std::move(entry.spec));
      continue;
    }
    auto opened = streams_.open(entry.spec);
    if (opened)
      followed.opened.push_back(std::move(*opened));
    else
      followed.broken.push_back({std::move(entry.spec), std::move(opened).error()});
  }
  return followed;
}

Result<void> StreamOperations::tidy() {
  for (const auto& open : streams_.all()) {
    auto spec = open->spec();
    auto is_expired = [&](const stream::Shard& shard) { return spec->is_expired(shard, now_ms()); };
    if (std::none_of(spec->shards.begin(), spec->shards.end(), is_expired)) continue;
    auto pruned = change(spec->name, [&](stream::StreamSpec& changed) -> Result<void> {
      std::erase_if(changed.shards, [&](const stream::Shard& shard) {
        return changed.is_expired(shard, now_ms());
      });
      return {};
    });
    // Deleted a moment ago.
    if (!pruned && pruned.error().fault != Fault::not_found) return pruned;
  }
  std::lock_guard lock(changing_);
  auto deletions = catalog_.deletions();
  if (!deletions) return std::move(deletions).error();
  for (const auto& spec : *deletions)
    if (auto finished = finish_deletion(spec); !finished) return finished;
  return {};
}

// ---- shards

Result<void> StreamOperations::split(const std::string& name, ShardNumber shard,
                                     HashKey new_first) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    if (spec.mode == stream::Mode::on_demand) return on_demand_error(name);
    const stream::Shard* parent = spec.find_shard(shard);
    if (parent == nullptr || spec.is_expired(*parent, now_ms())) return no_shard_error(name, shard);
    if (auto room = check_room_for(1); !room) return room;
    HashRange range = parent->range;
    bool is_open = parent->is_open();
    auto done = stream::split(spec, shard, new_first, now_ms());
    if (!done && is_open)
      return Error{Fault::invalid,
                   "NewStartingHashKey " + to_string(new_first) +
                       " used in SplitShard() on shard " + shard_id(shard) + " in stream " +
                       of_account(name) +
                       " is not both greater than one plus the shard's StartingHashKey " +
                       to_string(range.first) + " and less than the shard's EndingHashKey " +
                       to_string(range.last) + "."};
    return done;
  });
}

Result<void> StreamOperations::merge(const std::string& name, ShardNumber shard,
                                     ShardNumber adjacent) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    if (spec.mode == stream::Mode::on_demand) return on_demand_error(name);
    bool open = true;
    for (ShardNumber one : {shard, adjacent}) {
      const stream::Shard* known = spec.find_shard(one);
      if (known == nullptr || spec.is_expired(*known, now_ms())) return no_shard_error(name, one);
      open = open && known->is_open();
    }
    auto done = stream::merge(spec, shard, adjacent, now_ms());
    if (!done && open)
      return Error{Fault::invalid, "Shards " + shard_id(shard) + " and " + shard_id(adjacent) +
                                       " in stream " + of_account(name) +
                                       " are not an adjacent pair of shards eligible for merging"};
    return done;
  });
}

Result<StreamOperations::ShardCounts> StreamOperations::update_shard_count(const std::string& name,
                                                                           std::uint32_t target) {
  ShardCounts counts{0, target};
  if (target == 0) return Error{Fault::invalid, "a stream needs at least one shard"};
  auto done = change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    if (spec.mode == stream::Mode::on_demand) return on_demand_error(name);
    counts.before = spec.open_shards();
    if (target > counts.before)
      if (auto room = check_room_for(target - counts.before); !room) return room;
    stream::scale(spec, target, now_ms());
    return {};
  });
  if (!done) return std::move(done).error();
  return counts;
}

// ---- settings

Result<void> StreamOperations::set_retention(const std::string& name, std::int64_t hours,
                                             Direction direction) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    auto refuse = [&](const std::string& text) { return Error{Fault::invalid, text}; };
    std::string requested = "Requested retention period (" + std::to_string(hours) + " hours)";
    std::int64_t known = spec.retention.count();
    if (hours < stream::retention_min.count())
      return refuse("Minimum allowed retention period is " +
                    std::to_string(stream::retention_min.count()) + " hours. " + requested +
                    " is too short.");
    if (hours > stream::retention_max.count())
      return refuse("Maximum allowed retention period is " +
                    std::to_string(stream::retention_max.count()) + " hours. " + requested +
                    " is too long.");
    std::string existing = " than existing retention period (" + std::to_string(known) + " hours).";
    if (direction == Direction::increase && hours < known)
      return refuse(requested + " for stream " + name + " can not be shorter" + existing +
                    " Use DecreaseRetentionPeriod API.");
    if (direction == Direction::decrease && hours > known)
      return refuse(requested + " for stream " + name + " can not be longer" + existing +
                    " Use IncreaseRetentionPeriod API.");
    spec.set_retention(std::chrono::hours{hours}, now_ms());
    return {};
  });
}

Result<void> StreamOperations::set_mode(const std::string& name, stream::Mode mode,
                                        std::optional<std::uint32_t> warm_throughput_mibps) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    spec.mode = mode;
    if (warm_throughput_mibps) spec.warm_throughput_mibps = *warm_throughput_mibps;
    return {};
  });
}

Result<void> StreamOperations::set_max_record_kib(const std::string& name, std::uint32_t kib) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    spec.max_record_kib = kib;
    return {};
  });
}

Result<void> StreamOperations::set_warm_throughput(const std::string& name, std::uint32_t mibps) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    spec.warm_throughput_mibps = mibps;
    return {};
  });
}

Result<void> StreamOperations::set_encryption(const std::string& name,
                                              std::optional<std::string> kms_key_id) {
  return change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    spec.kms_key_id = kms_key_id.value_or("");
    return {};
  });
}

Result<StreamOperations::Metrics> StreamOperations::enable_shard_metrics(
    const std::string& name, const std::set<stream::ShardMetric>& metrics) {
  Metrics changed;
  auto done = change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    changed.before = spec.shard_metrics;
    spec.shard_metrics.insert(metrics.begin(), metrics.end());
    changed.after = spec.shard_metrics;
    return {};
  });
  if (!done) return std::move(done).error();
  return changed;
}

Result<StreamOperations::Metrics> StreamOperations::disable_shard_metrics(
    const std::string& name, const std::set<stream::ShardMetric>& metrics) {
  Metrics changed;
  auto done = change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    changed.before = spec.shard_metrics;
    for (stream::ShardMetric metric : metrics) spec.shard_metrics.erase(metric);
    changed.after = spec.shard_metrics;
    return {};
  });
  if (!done) return std::move(done).error();
  return changed;
}

// ---- consumers, tags, policies

Result<void> StreamOperations::add_tags(const Resource& resource, const stream::Tags& tags) {
  return change_tags(resource, [&](stream::Tags& changed) -> Result<void> {
    for (const auto& [key, value] : tags) changed[key] = value;
    if (changed.size() > tags_max)
      return Error{Fault::invalid, "Failed to add tags to stream " + of_account(resource.stream) +
                                       " because a given resource cannot have more than " +
                                       std::to_string(tags_max) + " tags associated with it."};
    return {};
  });
}

Result<void> StreamOperations::remove_tags(const Resource& resource,
                                           const std::vector<std::string>& keys) {
  return change_tags(resource, [&](stream::Tags& changed) -> Result<void> {
    for (const std::string& key : keys) changed.erase(key);
    return {};
  });
}

Result<void> StreamOperations::put_policy(const Resource& resource, const std::string& policy) {
  return change_policy(resource, [&](std::string& changed) -> Result<void> {
    changed = policy;
    return {};
  });
}

Result<void> StreamOperations::delete_policy(const Resource& resource) {
  return change_policy(resource, [&](std::string& changed) -> Result<void> {
    if (changed.empty())
      return Error{Fault::not_found,
                   "There is no resource policy on " +
                       (resource.consumer.empty() ? "stream " + of_account(resource.stream)
                                                  : "consumer " + resource.consumer) +
                       "."};
    changed.clear();
    return {};
  });
}

Result<stream::Consumer> StreamOperations::register_consumer(const std::string& name,
                                                             const std::string& consumer,
                                                             const stream::Tags& tags) {
  stream::Consumer added{
      .name = consumer, .created_seconds = now_seconds(), .tags = tags, .policy = {}};
  auto done = change(name, [&](stream::StreamSpec& spec) -> Result<void> {
    if (spec.find_consumer(consumer) != nullptr)
      return Error{Fault::conflict,
                   "Consumer " + consumer + " of stream " + of_account(name) + " already exists."};
    if (spec.consumers.size() >= consumers_max)
      return Error{Fault::full, "Stream " + of_account(name) + " has " +
                                    std::to_string(consumers_max) +
                                    " registered consumers already, the limit."};
    auto at = std::find_if(spec.consumers.begin(), spec.consumers.end(),
                           [&](const stream::Consumer& known) { return consumer < known.name; });
    spec.consumers.insert(at, added);
    return {};
  });
  if (!done) return std::move(done).error();
  return added;
}

Result<void> StreamOperations::deregister_consumer(const Resource& consumer) {
  return change(consumer.stream, [&](stream::StreamSpec& spec) -> Result<void> {
    auto gone = std::erase_if(spec.consumers, [&](const stream::Consumer& known) {
      return known.name == consumer.consumer &&
             known.created_seconds == consumer.created_seconds.value_or(known.created_seconds);
    });
    if (gone == 0) return no_consumer_error(consumer);
    return {};
  });
}

Result<void> StreamOperations::change_consumer(
    const Resource& resource, const std::function<Result<void>(stream::Consumer&)>& mutate) {
  return change(resource.stream, [&](stream::StreamSpec& spec) -> Result<void> {
    for (stream::Consumer& known : spec.consumers)
      if (known.name == resource.consumer &&
          known.created_seconds == resource.created_seconds.value_or(known.created_seconds))
        return mutate(known);
    return no_consumer_error(resource);
  });
}

Result<void> StreamOperations::change_tags(
    const Resource& resource, const std::function<Result<void>(stream::Tags&)>& mutate) {
  if (resource.consumer.empty())
    return change(resource.stream, [&](stream::StreamSpec& spec) { return mutate(spec.tags); });
  return change_consumer(resource,
                         [&](stream::Consumer& consumer) { return mutate(consumer.tags); });
}

Result<void> StreamOperations::change_policy(
    const Resource& resource, const std::function<Result<void>(std::string&)>& mutate) {
  if (resource.consumer.empty())
    return change(resource.stream, [&](stream::StreamSpec& spec) { return mutate(spec.policy); });
  return change_consumer(resource,
                         [&](stream::Consumer& consumer) { return mutate(consumer.policy); });
}

// ---- the account

std::uint32_t StreamOperations::open_shards() const {
  std::uint32_t count = 0;
  for (const auto& open : streams_.all()) count += open->spec()->open_shards();
  return count;
}

Result<std::string> StreamOperations::iterator_key() {
  std::lock_guard lock(changing_);
  auto known = catalog_.setting(iterator_key_name);
  if (!known) return std::move(known).error();
  if (*known) {
    auto key = from_hex(**known);
    if (!key || key->size() != iterator_key_bytes) return damaged(iterator_key_name);
    return *std::move(key);
  }
  std::string made = random_bytes(iterator_key_bytes);
  if (auto kept = catalog_.set_setting(iterator_key_name, hex(made)); !kept)
    return std::move(kept).error();
  return made;
}

Result<ThroughputCommitment> StreamOperations::throughput_commitment() {
  auto setting = catalog_.setting(commitment_name);
  if (!setting) return std::move(setting).error();
  if (!*setting) return ThroughputCommitment{};
  auto commitment = commitment_of_setting(**setting);
  if (!commitment) return damaged(commitment_name);
  return *commitment;
}

Result<ThroughputCommitment> StreamOperations::ask_throughput_commitment(bool wanted) {
  std::lock_guard lock(changing_);
  auto commitment = throughput_commitment();
  if (!commitment) return commitment;
  commitment->ask(wanted, now_ms());
  if (auto kept = catalog_.set_setting(commitment_name, to_setting(*commitment)); !kept)
    return std::move(kept).error();
  return commitment;
}

// ---- how a row is changed

Result<void> StreamOperations::change(const std::string& name, const Mutate& mutate) {
  std::lock_guard lock(changing_);
  std::optional<stream::StreamSpec> changed;
  auto written = catalog_.together([&](Catalog& inside) -> Result<void> {
    auto known = inside.stream(name);
    if (!known) return std::move(known).error();
    if (!*known) return no_stream_error(name);
    stream::StreamSpec spec = (*known)->spec;
    if (auto mutated = mutate(spec); !mutated) return mutated;
    if (spec == (*known)->spec) return {};
    // A row from before shards could change.
    spec.declared_shards = (*known)->spec.shards_declared();
    changed = std::move(spec);
    return inside.put(*changed, (*known)->origin);
  });
  if (!written) return written;
  if (!changed) return {};
  if (auto open = streams_.find(name)) open->adopt(std::move(*changed));
  return {};
}

Result<void> StreamOperations::check_room_for(std::uint32_t more_shards) const {
  std::uint32_t open = open_shards();
  if (more_shards <= open_shards_max && open <= open_shards_max - more_shards) return {};
  return Error{Fault::full, "This request would exceed the shard limit for the account " +
                                account_ + ". Current shard count: " + std::to_string(open) +
                                ". Limit: " + std::to_string(open_shards_max) +
                                ". Additional shards requested: " + std::to_string(more_shards) +
                                "."};
}

std::string StreamOperations::of_account(const std::string& name) const {
  return name + " under account " + account_;
}

Error StreamOperations::no_stream_error(const std::string& name) const {
  return Error{Fault::not_found, "Stream " + of_account(name) + " not found."};
}

Error StreamOperations::no_shard_error(const std::string& name, ShardNumber shard) const {
  return Error{Fault::not_found,
               "Could not find shard " + shard_id(shard) + " in stream " + of_account(name) + "."};
}

Error StreamOperations::no_consumer_error(const Resource& consumer) const {
  return Error{Fault::not_found, "Consumer " + consumer.consumer + " of stream " +
                                     of_account(consumer.stream) + " not found."};
}

Error StreamOperations::on_demand_error(const std::string& name) const {
  return Error{Fault::invalid,
               "Request is invalid. Stream " + of_account(name) + " is in On-Demand mode."};
}

std::int64_t StreamOperations::now_ms() const { return unix_ms(clock_.now()); }

std::int64_t StreamOperations::now_seconds() const { return unix_seconds(clock_.now()); }

}  // namespace tailrace::catalog
