#include "aws/kinesis/control_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;

class SettingActions : public ControlTest {
 protected:
  SettingActions() { create("orders"); }

  static Json hours(int count) {
    return {{"StreamName", "orders"}, {"RetentionPeriodHours", count}};
  }
  static Json metrics(std::vector<std::string> names) {
    return {{"StreamName", "orders"}, {"ShardLevelMetrics", std::move(names)}};
  }
};

TEST_F(SettingActions, RetentionMovesInTheDirectionOfTheCall) {
  must("IncreaseStreamRetentionPeriod", hours(48));
  EXPECT_EQ(describe("orders")["RetentionPeriodHours"], 48);
  // What is so already is no error either way.
  must("IncreaseStreamRetentionPeriod", hours(48));
  must("DecreaseStreamRetentionPeriod", hours(48));
  expect_failure("IncreaseStreamRetentionPeriod", hours(24), "InvalidArgumentException",
                 "Requested retention period (24 hours) for stream orders can not be shorter than "
                 "existing retention period (48 hours). Use DecreaseRetentionPeriod API.");
  expect_failure("DecreaseStreamRetentionPeriod", hours(72), "InvalidArgumentException",
                 "Requested retention period (72 hours) for stream orders can not be longer than "
                 "existing retention period (48 hours). Use IncreaseRetentionPeriod API.");
  expect_failure("DecreaseStreamRetentionPeriod", hours(23), "InvalidArgumentException",
                 "Minimum allowed retention period is 24 hours. Requested retention period (23 "
                 "hours) is too short.");
  expect_failure("IncreaseStreamRetentionPeriod", hours(8761), "InvalidArgumentException",
                 "Maximum allowed retention period is 8760 hours. Requested retention period (8761 "
                 "hours) is too long.");
}

TEST_F(SettingActions, EncryptionIsKeptAndReported) {
  Json key = {{"StreamName", "orders"}, {"EncryptionType", "KMS"}, {"KeyId", "alias/aws/kinesis"}};
  must("StartStreamEncryption", key);
  EXPECT_EQ(describe("orders")["EncryptionType"], "KMS");
  EXPECT_EQ(describe("orders")["KeyId"], "alias/aws/kinesis");
  must("StopStreamEncryption", key);
  EXPECT_EQ(describe("orders")["EncryptionType"], "NONE");
  EXPECT_FALSE(describe("orders").contains("KeyId"));
}

TEST_F(SettingActions, MonitoringAnswersWithWhatWasAndWhatIs) {
  Json changed = must("EnableEnhancedMonitoring", metrics({"IncomingBytes", "OutgoingBytes"}));
  EXPECT_EQ(changed["StreamName"], "orders");
  EXPECT_EQ(changed["CurrentShardLevelMetrics"], Json::array());
  EXPECT_EQ(changed["DesiredShardLevelMetrics"],
            Json::parse(R"(["IncomingBytes","OutgoingBytes"])"));
  changed = must("DisableEnhancedMonitoring", metrics({"IncomingBytes"}));
  EXPECT_EQ(changed["DesiredShardLevelMetrics"], Json::parse(R"(["OutgoingBytes"])"));
  EXPECT_EQ(describe("orders")["EnhancedMonitoring"][0]["ShardLevelMetrics"],
            Json::parse(R"(["OutgoingBytes"])"));
  changed = must("EnableEnhancedMonitoring", metrics({"ALL"}));
  EXPECT_EQ(changed["DesiredShardLevelMetrics"].size(), 7u);
  changed = must("DisableEnhancedMonitoring", metrics({"ALL"}));
  EXPECT_EQ(changed["DesiredShardLevelMetrics"], Json::array());
  EXPECT_EQ(ask("EnableEnhancedMonitoring", metrics({"Everything"})).type(), "ValidationException");
}

TEST_F(SettingActions, LimitsCountProvisionedShardsAndOnDemandStreams) {
  create("more", 3);
  must("CreateStream", {{"StreamName", "on-demand"}});
  Json limits = must("DescribeLimits", Json::object());
  EXPECT_EQ(limits["ShardLimit"], 20000);
  EXPECT_EQ(limits["OpenShardCount"], 4);
  EXPECT_EQ(limits["OnDemandStreamCount"], 1);
  EXPECT_EQ(limits["OnDemandStreamCountLimit"], 5000);
}

TEST_F(SettingActions, TheCommitmentHoldsForADayAtLeast) {
  auto update = [this](const char* status) {
    return must("UpdateAccountSettings",
                {{"MinimumThroughputBillingCommitment",
                  {{"Status", status}}}})["MinimumThroughputBillingCommitment"];
  };
  auto described = [this] {
    return must("DescribeAccountSettings", Json::object())["MinimumThroughputBillingCommitment"];
  };
  EXPECT_EQ(described(), Json::parse(R"({"Status":"DISABLED"})"));
  double started = now();
  EXPECT_EQ(update("ENABLED")["Status"], "ENABLED");
  EXPECT_EQ(described()["EarliestAllowedEndAt"], started + 86400);
  clock_.step(1h);
  EXPECT_EQ(update("DISABLED")["Status"], "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
  EXPECT_EQ(update("ENABLED")["Status"], "ENABLED");
  EXPECT_EQ(update("DISABLED")["Status"], "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
  clock_.step(24h);
  EXPECT_EQ(described()["Status"], "DISABLED");
  EXPECT_EQ(described()["StartedAt"], started);
  EXPECT_EQ(described()["EndedAt"], started + 86400);
}

}  // namespace
}  // namespace tailrace::aws::kinesis
