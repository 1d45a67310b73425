#include <set>

#include "base/sqlite.h"
#include "catalog/catalog_fixture.h"

namespace tailrace::catalog {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ApplyTest : public CatalogTest {
 protected:
  ApplyTest() {
    declaration_.streams = {{.name = "orders", .shards = 3}};
    declaration_.tasks = {task_spec("products", "orders")};
    declaration_.functions = {function_spec("f")};
    declaration_.triggers = {trigger_spec("orders", "f")};
  }

  std::vector<std::string> apply() {
    auto done = catalog::apply(*catalog_, declaration_, clock_);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : std::vector<std::string>{};
  }
  Error refused() {
    auto done = catalog::apply(*catalog_, declaration_, clock_);
    EXPECT_FALSE(done);
    return done ? Error{} : done.error();
  }

  Declaration declaration_;
};

TEST_F(ApplyTest, CreatesWhatIsDeclared) {
  EXPECT_THAT(apply(), ElementsAre("stream orders: created with 3 shards", "function f: created",
                                   "task products: created", "trigger orders/f: created"));
  EXPECT_THAT(everything(), ElementsAre("stream orders yaml", "task products yaml",
                                        "function f yaml", "trigger orders/f yaml"));
  auto stream = catalog_->streams()->at(0).spec;
  EXPECT_EQ(stream.created_seconds, 1700000000);
  EXPECT_EQ(stream.shards, stream::initial_shards(3, 1700000000));
  EXPECT_NE(stream.incarnation, 0u);
  EXPECT_EQ(catalog_->triggers()->at(0).spec.id.size(), 36u);
}

TEST_F(ApplyTest, DoesNothingTheSecondTime) {
  apply();
  auto stream = catalog_->streams()->at(0).spec;
  auto trigger = catalog_->triggers()->at(0).spec;
  clock_.step(std::chrono::hours(1));
  reopen();

  EXPECT_THAT(apply(), ElementsAre());

  EXPECT_EQ(catalog_->streams()->at(0).spec, stream);
  EXPECT_EQ(catalog_->triggers()->at(0).spec, trigger);
  EXPECT_LT(catalog_->tasks()->at(0).updated, clock_.now());
}

TEST_F(ApplyTest, GivesEveryStreamAnotherIncarnation) {
  declaration_.streams.push_back({.name = "other"});
  apply();
  auto streams = catalog_->streams().value();
  EXPECT_NE(streams[0].spec.incarnation, streams[1].spec.incarnation);
}

TEST_F(ApplyTest, ChangesWhatIsDeclaredDifferentlyAndNamesTheFields) {
  apply();
  auto before = catalog_->streams()->at(0).spec;
  auto id = catalog_->triggers()->at(0).spec.id;
  declaration_.streams[0].retention = std::chrono::hours(48);
  declaration_.functions[0].environment["PASSWORD"] = "secret";
  declaration_.triggers[0].batch_size = 5;
  declaration_.triggers[0].batch_window = std::chrono::seconds(1);

  EXPECT_THAT(apply(), ElementsAre("stream orders: changed retention_hours",
                                   "function f: changed environment",
                                   "trigger orders/f: changed batch_size, batch_window_ms"));

  auto after = catalog_->streams()->at(0).spec;
  EXPECT_EQ(after.retention, std::chrono::hours(48));
  EXPECT_EQ(after.incarnation, before.incarnation);
  EXPECT_EQ(after.shards, before.shards);
  EXPECT_EQ(catalog_->triggers()->at(0).spec.id, id);
}

TEST_F(ApplyTest, RemovesWhatIsNoLongerDeclaredExceptStreams) {
  apply();
  declaration_ = {};

  EXPECT_THAT(apply(), ElementsAre("trigger orders/f: removed", "task products: removed",
                                   "function f: removed"));

  EXPECT_THAT(everything(), ElementsAre("stream orders yaml"));
}

TEST_F(ApplyTest, LeavesAloneWhatWasMadeThroughAnApi) {
  apply();
  ASSERT_TRUE(catalog_->put(function_spec("g"), Origin::api));
  ASSERT_TRUE(catalog_->put(task_spec("by-api", "orders"), Origin::api));
  ASSERT_TRUE(catalog_->put(trigger_spec("orders", "g"), Origin::api));
  declaration_ = {};

  apply();

  EXPECT_THAT(everything(), ElementsAre("stream orders yaml", "task by-api api", "function g api",
                                        "trigger orders/g api"));
}

TEST_F(ApplyTest, KeepsAFunctionThatATriggerOfAnApiStillUses) {
  apply();
  auto by_api = trigger_spec("orders", "f");
  by_api.name = "by-api";
  ASSERT_TRUE(catalog_->put(by_api, Origin::api));
  declaration_ = {};

  auto done = apply();

  EXPECT_THAT(done, ElementsAre("trigger orders/f: removed", "task products: removed",
                                AllOf(HasSubstr("function f: not declared any more, but kept"),
                                      HasSubstr("trigger by-api"))));
  EXPECT_THAT(everything(),
              ElementsAre("stream orders yaml", "function f yaml", "trigger by-api api"));
}

TEST_F(ApplyTest, TakesOverWhatAnApiMade) {
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::api));
  EXPECT_THAT(apply(), testing::Contains("function f: now declared here"));
  EXPECT_THAT(everything(), testing::Contains("function f yaml"));
  EXPECT_THAT(apply(), ElementsAre());
}

TEST_F(ApplyTest, MayNameWhatAnApiMade) {
  auto stream = stream_spec("by-api");
  ASSERT_TRUE(catalog_->put(stream, Origin::api));
  ASSERT_TRUE(catalog_->put(function_spec("g"), Origin::api));
  declaration_.triggers.push_back(trigger_spec("by-api", "g"));
  apply();
  EXPECT_THAT(everything(), testing::Contains("trigger by-api/g yaml"));
  EXPECT_THAT(everything(), testing::Contains("stream by-api api"));
}

TEST_F(ApplyTest, RefusesAnotherShardCountAndNamesTheWayOut) {
  apply();
  declaration_.streams[0].shards = 4;
  declaration_.functions[0].handler = "new.handler";

  auto error = refused();

  EXPECT_EQ(error.fault, Fault::invalid);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("stream orders"), HasSubstr("created with 3 shards, not 4"),
                    HasSubstr("UpdateShardCount")));
  EXPECT_EQ(catalog_->functions()->at(0).spec.handler, "");
}

TEST_F(ApplyTest, NamesEverythingThatIsMissingAndDoesNothing) {
  declaration_.tasks.push_back(task_spec("lost", "no-stream"));
  declaration_.triggers.push_back(trigger_spec("no-stream", "no-function"));
  declaration_.functions.push_back(function_spec("f"));

  auto error = refused();

  EXPECT_EQ(error.fault, Fault::invalid);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("task lost: there is no stream no-stream"),
                    HasSubstr("trigger no-stream/no-function: there is no stream no-stream"),
                    HasSubstr("trigger no-stream/no-function: there is no function no-function"),
                    HasSubstr("function f: declared twice")));
  EXPECT_THAT(everything(), ElementsAre());
}

TEST_F(ApplyTest, AFunctionThatIsLeftOutIsMissingForATrigger) {
  apply();
  declaration_.functions.clear();
  EXPECT_THAT(refused().message, HasSubstr("there is no function f"));
  EXPECT_THAT(everything(), testing::Contains("function f yaml"));
}

TEST_F(ApplyTest, RefusesAStreamThatCannotBe) {
  declaration_.streams.push_back({.name = "a b"});
  EXPECT_EQ(refused().fault, Fault::invalid);
  declaration_.streams.back() = {.name = "empty", .shards = 0};
  EXPECT_THAT(refused().message, HasSubstr("stream empty: needs at least one shard"));
}

TEST_F(ApplyTest, AFailureInTheMiddleLeavesTheOldDeclaration) {
  apply();
  // A late step of the next application cannot be written.
  ASSERT_TRUE(Sqlite::open(file_, Sqlite::Synchronous::full, Sqlite::Check::header)
                  .value()
                  ->execute("CREATE TRIGGER full BEFORE INSERT ON objects "
                            "WHEN new.kind = 'trigger' BEGIN SELECT RAISE(ABORT, 'no room'); END"));
  reopen();
  auto before = everything();
  declaration_.functions.push_back(function_spec("g"));
  declaration_.tasks.push_back(task_spec("another", "orders"));
  declaration_.triggers.push_back(trigger_spec("orders", "g"));
  declaration_.streams[0].retention = std::chrono::hours(99);

  EXPECT_THAT(refused().message, HasSubstr("trigger orders/g"));

  reopen();
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(catalog_->streams()->at(0).spec.retention, std::chrono::hours(24));
}

}  // namespace
}  // namespace tailrace::catalog
