#include "aws/kinesis/commitment.h"
#include "aws/kinesis/control.h"

namespace tailrace::aws::kinesis {
namespace {

// A stream in on-demand mode begins with this many shards, so there is room for so many streams.
constexpr std::int64_t on_demand_shards = 4;

Outcome commitment_outcome(const Control& control, const Commitment& commitment) {
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
  auto commitment = read_commitment(control);
  if (!commitment) return commitment.error();
  return commitment_outcome(control, *commitment);
}

Outcome update_account_settings(const Control& control, const Value& input) {
  auto commitment = read_commitment(control);
  if (!commitment) return commitment.error();
  const bool wanted = input["MinimumThroughputBillingCommitment"]["Status"].text() == "ENABLED";
  const std::int64_t now = now_ms(control);
  const bool holds = commitment->holds_at(now);
  if (wanted && !holds) {
    *commitment = {now, std::nullopt};
  } else if (wanted) {
    commitment->end_asked_ms.reset();
  } else if (holds && !commitment->end_asked_ms) {
    commitment->end_asked_ms = now;
  }
  if (auto kept = keep_commitment(control, *commitment); !kept) return kept.error();
  return commitment_outcome(control, *commitment);
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
    writer.integer("OnDemandStreamCountLimit", catalog::open_shards_max / on_demand_shards);
  });
}

}  // namespace

std::vector<Handled> account_actions(const Control& control) {
  return {looking(control, "DescribeLimits", describe_limits),
          changing(control, "DescribeAccountSettings", describe_account_settings),
          changing(control, "UpdateAccountSettings", update_account_settings)};
}

}  // namespace tailrace::aws::kinesis
