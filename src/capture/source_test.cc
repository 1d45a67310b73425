#include "capture/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/fake_connection.h"

namespace tailrace::capture {
namespace {

using ::testing::HasSubstr;

// Speaks PostgreSQL's protocol and has none of its settings, as other databases do.
class LookAlike final : public pg::testing::FakeConnection {
 public:
  Result<pg::Rows> query(const std::string&, const std::vector<std::string>&) override {
    return pg::Rows{{"name", "setting"}, {{"wal_level", "logical"}}};
  }
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
