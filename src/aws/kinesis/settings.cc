#include "aws/kinesis/control.h"
#include "aws/kinesis/describe.h"
#include "aws/kinesis/names.h"

namespace tailrace::aws::kinesis {
namespace {

using Direction = catalog::StreamOperations::Direction;
using Metrics = catalog::StreamOperations::Metrics;

Act set_retention(Direction direction) {
  return [direction](const Control& control, const Value& input) -> Outcome {
    auto name = stream_of(control.account, input);
    if (!name) return name.error();
    return control.operations.set_retention(*name, input["RetentionPeriodHours"].integer(),
                                            direction);
  };
}

// The key is kept and reported, and records say that they are encrypted; what encrypts a disk here
// is under the file system.
Outcome start_encryption(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return name.error();
  if (input["EncryptionType"].text() != "KMS")
    return Error{Fault::invalid, "EncryptionType must be KMS to start the encryption of a stream."};
  return control.operations.set_encryption(*name, std::string(input["KeyId"].text()));
}

Outcome stop_encryption(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return name.error();
  return control.operations.set_encryption(*name, std::nullopt);
}

std::set<stream::ShardMetric> metrics_of(const Value& names) {
  std::set<stream::ShardMetric> metrics;
  for (const Value& name : names.items()) {
    if (name.text() == "ALL") return all_metrics();
    for (stream::ShardMetric metric : all_metrics())
      if (name.text() == metric_name(metric)) metrics.insert(metric);
  }
  return metrics;
}

using ChangeMetrics = Result<Metrics> (catalog::StreamOperations::*)(
    const std::string& name, const std::set<stream::ShardMetric>& metrics);

Act change_monitoring(ChangeMetrics change) {
  return [change](const Control& control, const Value& input) -> Outcome {
    auto name = stream_of(control.account, input);
    if (!name) return name.error();
    auto metrics = (control.operations.*change)(*name, metrics_of(input["ShardLevelMetrics"]));
    if (!metrics) return metrics.error();
    return Outcome::Members([&control, name = *name, metrics = *metrics](Writer& writer) {
      writer.text("StreamName", name);
      writer.text("StreamARN", stream_arn(control.account, name));
      write_metrics(writer, "CurrentShardLevelMetrics", metrics.before);
      write_metrics(writer, "DesiredShardLevelMetrics", metrics.after);
    });
  };
}

}  // namespace

std::vector<Handled> setting_actions(const Control& control) {
  using Operations = catalog::StreamOperations;
  return {changing(control, "IncreaseStreamRetentionPeriod", set_retention(Direction::increase)),
          changing(control, "DecreaseStreamRetentionPeriod", set_retention(Direction::decrease)),
          changing(control, "StartStreamEncryption", start_encryption),
          changing(control, "StopStreamEncryption", stop_encryption),
          changing(control, "EnableEnhancedMonitoring",
                   change_monitoring(&Operations::enable_shard_metrics)),
          changing(control, "DisableEnhancedMonitoring",
                   change_monitoring(&Operations::disable_shard_metrics))};
}

}  // namespace tailrace::aws::kinesis
