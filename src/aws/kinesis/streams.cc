#include <algorithm>

#include "aws/kinesis/control.h"
#include "aws/kinesis/describe.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/page_token.h"
#include "aws/kinesis/tag_rules.h"

namespace tailrace::aws::kinesis {
namespace {

// However many are asked for, AWS gives no more.
constexpr std::int64_t described_shards_max = 100;
constexpr std::int64_t listed_streams_max = 100;
constexpr std::int64_t warm_throughput_mibps_max = 10 * 1024;

Failure invalid_request(std::string why) { return {"ValidationException", std::move(why)}; }

stream::Mode mode_of(const Value& details) {
  return details["StreamMode"].text() == "ON_DEMAND" ? stream::Mode::on_demand
                                                     : stream::Mode::provisioned;
}

// On-demand streams of an account with the throughput commitment may be given one, as on AWS. Waits
// for the disk.
std::optional<Failure> refuse_warm_throughput(const Control& control, const std::string& stream,
                                              stream::Mode mode, std::int64_t mibps) {
  if (mode != stream::Mode::on_demand)
    return invalid_request("Stream " + stream + " under account " + control.account.id +
                           " is in provisioned mode: only streams in on-demand mode have a warm "
                           "throughput.");
  if (mibps > warm_throughput_mibps_max)
    return invalid_request("WarmThroughputMiBps can be at most " +
                           std::to_string(warm_throughput_mibps_max) + ".");
  auto commitment = control.operations.throughput_commitment();
  if (!commitment) return failure_of(commitment.error());
  if (!commitment->holds_at(now_ms(control)))
    return invalid_request(
        "A warm throughput needs the account's MinimumThroughputBillingCommitment: "
        "enable it by UpdateAccountSettings.");
  return std::nullopt;
}

// Without a mode AWS makes what the shard count says: so many, or on demand when there is none.
Outcome create_stream(const Control& control, const Value& input) {
  catalog::StreamOperations::Create wanted;
  wanted.name = input["StreamName"].text();
  if (input["StreamModeDetails"])
    wanted.mode = mode_of(input["StreamModeDetails"]);
  else if (!input["ShardCount"])
    wanted.mode = stream::Mode::on_demand;
  if (wanted.mode == stream::Mode::provisioned && !input["ShardCount"])
    return invalid_request("ShardCount must be given for a stream in PROVISIONED mode.");
  if (input["RecordDistributionStrategy"].text() == "AUTO")
    return Error{Fault::invalid,
                 "RecordDistributionStrategy AUTO is not served: records are distributed by their "
                 "partition key."};
  if (input["WarmThroughputMiBps"]) {
    std::int64_t mibps = input["WarmThroughputMiBps"].integer();
    if (auto refused = refuse_warm_throughput(control, wanted.name, wanted.mode, mibps))
      return *refused;
    wanted.warm_throughput_mibps = static_cast<std::uint32_t>(mibps);
  }
  wanted.shards = static_cast<std::uint32_t>(input["ShardCount"].integer_or(1));
  wanted.max_record_kib =
      static_cast<std::uint32_t>(input["MaxRecordSizeInKiB"].integer_or(stream::record_kib_min));
  wanted.tags = tags_of(input["Tags"]);
  if (auto tags = check_tags(wanted.tags, wanted.name, control.account); !tags) return tags.error();
  return control.operations.create(wanted);
}

Outcome delete_stream(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return name.error();
  using Consumers = catalog::StreamOperations::Consumers;
  return control.operations.remove(
      *name, input["EnforceConsumerDeletion"].boolean() ? Consumers::remove : Consumers::keep);
}

Outcome describe_stream(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  auto spec = (*stream)->spec();
  std::vector<stream::Shard> shards = (*stream)->shards();
  if (auto start = input["ExclusiveStartShardId"]) {
    auto number = shard_of(control.account, spec->name, start.text());
    if (!number) return number.error();
    std::erase_if(shards, [&](const stream::Shard& shard) { return shard.number <= *number; });
  }
  const bool more = cut_to_page(shards, input["Limit"], described_shards_max);
  return Outcome::Members([&control, spec, shards = std::move(shards), more](Writer& writer) {
    writer.begin_map("StreamDescription");
    write_stream_state(writer, control.account, *spec);
    writer.begin_list("Shards");
    for (const stream::Shard& shard : shards) {
      writer.begin_map();
      write_shard(writer, shard);
      writer.end_map();
    }
    writer.end_list();
    writer.boolean("HasMoreShards", more);
    write_stream_settings(writer, *spec);
    writer.end_map();
  });
}

Outcome describe_stream_summary(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  return Outcome::Members([&control, spec = (*stream)->spec()](Writer& writer) {
    writer.begin_map("StreamDescriptionSummary");
    write_stream_state(writer, control.account, *spec);
    write_stream_settings(writer, *spec);
    writer.integer("OpenShardCount", spec->open_shards());
    writer.integer("ConsumerCount", static_cast<std::int64_t>(spec->consumers.size()));
    write_warm_throughput(writer, *spec);
    writer.integer("MaxRecordSizeInKiB", spec->max_record_kib);
    writer.end_map();
  });
}

Outcome list_streams(const Control& control, const Value& input) {
  std::string after(input["ExclusiveStartStreamName"].text());
  if (input["NextToken"]) {
    auto token = accept_page_token(input["NextToken"].text(), "ListStreams", now_ms(control));
    if (auto* failure = std::get_if<Failure>(&token)) return *failure;
    after = std::get<PageToken>(token).after;
  }
  std::vector<std::shared_ptr<const stream::StreamSpec>> specs;
  for (const auto& stream : control.streams.all())
    if (auto spec = stream->spec(); spec->name > after) specs.push_back(std::move(spec));
  std::sort(specs.begin(), specs.end(),
            [](const auto& one, const auto& other) { return one->name < other->name; });
  const bool more = cut_to_page(specs, input["Limit"], listed_streams_max);
  return Outcome::Members([&control, specs = std::move(specs), more](Writer& writer) {
    writer.begin_list("StreamNames");
    for (const auto& spec : specs) writer.text(spec->name);
    writer.end_list();
    writer.boolean("HasMoreStreams", more);
    if (more)
      writer.text("NextToken", to_text(PageToken{.list = "ListStreams",
                                                 .after = specs.back()->name,
                                                 .issued_ms = now_ms(control)}));
    writer.begin_list("StreamSummaries");
    for (const auto& spec : specs) {
      writer.begin_map();
      write_stream_state(writer, control.account, *spec);
      writer.end_map();
    }
    writer.end_list();
  });
}

Outcome update_stream_mode(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return name.error();
  const stream::Mode mode = mode_of(input["StreamModeDetails"]);
  std::optional<std::uint32_t> warm;
  if (input["WarmThroughputMiBps"]) {
    std::int64_t mibps = input["WarmThroughputMiBps"].integer();
    if (auto refused = refuse_warm_throughput(control, *name, mode, mibps)) return *refused;
    warm = static_cast<std::uint32_t>(mibps);
  }
  return control.operations.set_mode(*name, mode, warm);
}

Outcome update_max_record_size(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return name.error();
  return control.operations.set_max_record_kib(
      *name, static_cast<std::uint32_t>(input["MaxRecordSizeInKiB"].integer()));
}

Outcome update_stream_warm_throughput(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  const std::string name = (*stream)->spec()->name;
  std::int64_t mibps = input["WarmThroughputMiBps"].integer();
  if (auto refused = refuse_warm_throughput(control, name, (*stream)->spec()->mode, mibps))
    return *refused;
  auto set = control.operations.set_warm_throughput(name, static_cast<std::uint32_t>(mibps));
  if (!set) return set;
  return Outcome::Members([&control, spec = (*stream)->spec()](Writer& writer) {
    write_stream_name(writer, control.account, *spec);
    write_warm_throughput(writer, *spec);
  });
}

}  // namespace

std::vector<Handled> stream_actions(const Control& control) {
  return {changing(control, "CreateStream", create_stream),
          changing(control, "DeleteStream", delete_stream),
          looking(control, "DescribeStream", describe_stream),
          looking(control, "DescribeStreamSummary", describe_stream_summary),
          looking(control, "ListStreams", list_streams),
          changing(control, "UpdateStreamMode", update_stream_mode),
          changing(control, "UpdateMaxRecordSize", update_max_record_size),
          changing(control, "UpdateStreamWarmThroughput", update_stream_warm_throughput)};
}

}  // namespace tailrace::aws::kinesis
