#include "capture/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tailrace::capture {
namespace {

using ::testing::HasSubstr;

// Speaks PostgreSQL's protocol and has none of its settings, as other databases do.
class LookAlike final : public pg::Connection {
 public:
  Result<pg::Rows> query(const std::string&, const std::vector<std::string>&) override {
    return pg::Rows{{"name", "setting"}, {{"wal_level", "logical"}}};
  }
  Result<void> copy_out(const std::string&,
                        const std::function<Result<void>(std::string_view)>&) override {
    return {};
  }
  void cancel() override {}
  int server_version() const override { return 130000; }
  std::string server_version_text() const override { return "13.0.0"; }
  bool alive() const override { return true; }
  pg_conn* handle() override { return nullptr; }
};

TEST(SourceTest, AServerThatOnlySpeaksLikePostgresIsRefused) {
  LookAlike server;
  auto inspection = inspect({}, rules::Mappings::everything(), server);
  ASSERT_FALSE(inspection);
  EXPECT_EQ(inspection.error().fault, Fault::invalid);
  EXPECT_THAT(inspection.error().message, HasSubstr("has no setting max_replication_slots"));
}

}  // namespace
}  // namespace tailrace::capture
