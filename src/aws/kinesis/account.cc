#include "aws/kinesis/control.h"

namespace tailrace::aws::kinesis {
namespace {

Outcome commitment_outcome(const Control& control,
                           const Result<catalog::ThroughputCommitment>& kept) {
  if (!kept) return kept.error();
  const catalog::ThroughputCommitment& commitment = *kept;
  return Outcome::Members([commitment, now = now_ms(control)](Writer& writer) {
    writer.begin_map("MinimumThroughputBillingCommitment");
    if (!commitment.holds_at(now)) {
      writer.text("Status", "DISABLED");
      if (commitment.started_ms != 0) writer.timestamp("StartedAt", commitment.started_ms);
      if (auto end = commitment.end_ms()) writer.timestamp("EndedAt", *end);
    } else {
      writer.text("Status",
                  commitment.end_asked_ms ? "ENABLED_UNTIL_EARLIEST_ALLOWED_END" : "ENABLED");
      writer.timestamp("StartedAt", commitment.started_ms);
      writer.timestamp("EarliestAllowedEndAt", commitment.earliest_end_ms());
    }
    writer.end_map();
  });
}

Outcome describe_account_settings(const Control& control, const Value&) {
  return commitment_outcome(control, control.operations.throughput_commitment());
}

Outcome update_account_settings(const Control& control, const Value& input) {
  const bool wanted = input["MinimumThroughputBillingCommitment"]["Status"].text() == "ENABLED";
  return commitment_outcome(control, control.operations.ask_throughput_commitment(wanted));
}

// On AWS the shards of on-demand streams do not count; these streams do.
Outcome describe_limits(const Control& control, const Value&) {
  std::int64_t on_demand = 0, open = 0;
  for (const auto& stream : control.streams.all()) {
    auto spec = stream->spec();
    if (spec->mode == stream::Mode::on_demand)
      ++on_demand;
    else
      open += spec->open_shards();
  }
  return Outcome::Members([on_demand, open](Writer& writer) {
    writer.integer("ShardLimit", catalog::open_shards_max);
    writer.integer("OpenShardCount", open);
    writer.integer("OnDemandStreamCount", on_demand);
    writer.integer("OnDemandStreamCountLimit",
                   catalog::open_shards_max / catalog::on_demand_shards);
  });
}

}  // namespace

std::vector<Handled> account_actions(const Control& control) {
  return {looking(control, "DescribeLimits", describe_limits),
          changing(control, "DescribeAccountSettings", describe_account_settings),
          changing(control, "UpdateAccountSettings", update_account_settings)};
}

}  // namespace tailrace::aws::kinesis
