#include "catalog/catalog.h"

#include <thread>

#include "base/sqlite.h"
#include "catalog/catalog_fixture.h"

namespace tailrace::catalog {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Catalog::Kind;

TEST_F(CatalogTest, KeepsWhatWasPutOverAReopen) {
  ASSERT_TRUE(catalog_->put(stream_spec("orders"), Origin::api));
  ASSERT_TRUE(catalog_->put(task_spec("products", "orders"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::yaml));
  auto trigger = catalog_->put(trigger_spec("orders", "f"), Origin::api);
  ASSERT_TRUE(trigger);

  reopen();

  EXPECT_THAT(everything(), ElementsAre("stream orders api", "task products yaml",
                                        "function f yaml", "trigger orders/f api"));
  EXPECT_EQ(catalog_->streams()->at(0).spec, stream_spec("orders"));
  EXPECT_EQ(catalog_->tasks()->at(0).spec, task_spec("products", "orders"));
  EXPECT_EQ(catalog_->functions()->at(0).spec, function_spec("f"));
  EXPECT_EQ(catalog_->triggers()->at(0).spec, *trigger);
}

TEST_F(CatalogTest, ReplacesByNameAndKeepsWhenItWasCreated) {
  auto function = function_spec("f");
  ASSERT_TRUE(catalog_->put(function, Origin::yaml));
  auto created = clock_.now();
  clock_.step(std::chrono::seconds(5));
  function.handler = "other.handler";
  ASSERT_TRUE(catalog_->put(function, Origin::api));

  auto all = catalog_->functions().value();

  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].spec.handler, "other.handler");
  EXPECT_EQ(all[0].origin, Origin::api);
  EXPECT_EQ(all[0].created, created);
  EXPECT_EQ(all[0].updated, created + std::chrono::seconds(5));
}

TEST_F(CatalogTest, ATriggerGetsAnIdOnceAndKeepsIt) {
  ASSERT_TRUE(catalog_->put(stream_spec("orders"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::yaml));
  auto wanted = trigger_spec("orders", "f");
  wanted.name.clear();

  auto first = catalog_->put(wanted, Origin::yaml).value();
  EXPECT_EQ(first.name, "orders/f");
  EXPECT_EQ(first.id.size(), 36u);
  wanted.batch_size = 7;
  wanted.id = "another one";
  auto second = catalog_->put(wanted, Origin::yaml).value();

  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.batch_size, 7u);
  EXPECT_EQ(catalog_->triggers()->at(0).spec, second);
}

TEST_F(CatalogTest, NoTwoTriggersShareAnId) {
  ASSERT_TRUE(catalog_->put(stream_spec("orders"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(function_spec("g"), Origin::yaml));
  auto one = trigger_spec("orders", "f"), other = trigger_spec("orders", "g");
  one.id = other.id = "the same";
  ASSERT_TRUE(catalog_->put(one, Origin::api));

  auto refused = catalog_->put(other, Origin::api);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::conflict);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("orders/g"), HasSubstr("the same")));
  EXPECT_EQ(catalog_->triggers()->size(), 1u);
}

TEST_F(CatalogTest, RefusesWhatNamesSomethingMissing) {
  auto task = catalog_->put(task_spec("products", "orders"), Origin::api);
  ASSERT_FALSE(task);
  EXPECT_EQ(task.error().fault, Fault::not_found);
  EXPECT_THAT(task.error().message, AllOf(HasSubstr("task products"), HasSubstr("stream orders")));
  ASSERT_TRUE(catalog_->put(stream_spec("orders"), Origin::api));
  auto trigger = catalog_->put(trigger_spec("orders", "f"), Origin::api);
  ASSERT_FALSE(trigger);
  EXPECT_THAT(trigger.error().message, HasSubstr("function f"));
  EXPECT_EQ(catalog_->put(function_spec(""), Origin::api).error().fault, Fault::invalid);
  EXPECT_THAT(everything(), ElementsAre("stream orders api"));
}

TEST_F(CatalogTest, RefusesTextThatItCouldNotGiveBack) {
  auto function = function_spec("f");
  function.code = "/functions/\xff";
  auto refused = catalog_->put(function, Origin::api);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("UTF-8"));
}

TEST_F(CatalogTest, RemovesNothingThatIsStillUsed) {
  ASSERT_TRUE(catalog_->put(stream_spec("orders"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(task_spec("products", "orders"), Origin::yaml));
  ASSERT_TRUE(catalog_->put(trigger_spec("orders", "f"), Origin::yaml));

  auto stream = catalog_->remove(Kind::stream, "orders");
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().fault, Fault::conflict);
  EXPECT_THAT(stream.error().message,
              AllOf(HasSubstr("task products"), HasSubstr("trigger orders/f")));
  EXPECT_EQ(catalog_->remove(Kind::function, "f").error().fault, Fault::conflict);

  EXPECT_TRUE(catalog_->remove(Kind::trigger, "orders/f"));
  EXPECT_TRUE(catalog_->remove(Kind::function, "f"));
  EXPECT_TRUE(catalog_->remove(Kind::task, "products"));
  EXPECT_TRUE(catalog_->remove(Kind::stream, "orders"));
  EXPECT_THAT(everything(), ElementsAre());
  EXPECT_EQ(catalog_->remove(Kind::stream, "orders").error().fault, Fault::not_found);
}

TEST_F(CatalogTest, DoesSeveralThingsTogetherOrNone) {
  auto failed = catalog_->together([&](Catalog& inside) -> Result<void> {
    EXPECT_TRUE(inside.put(stream_spec("orders"), Origin::yaml));
    EXPECT_TRUE(inside.put(task_spec("products", "orders"), Origin::yaml));
    EXPECT_EQ(inside.tasks()->size(), 1u);
    return Error{Fault::invalid, "changed my mind"};
  });
  EXPECT_EQ(failed.error().message, "changed my mind");
  EXPECT_THAT(everything(), ElementsAre());

  ASSERT_TRUE(catalog_->together([&](Catalog& inside) -> Result<void> {
    if (auto put = inside.put(stream_spec("orders"), Origin::yaml); !put) return put;
    return inside.put(task_spec("products", "orders"), Origin::yaml);
  }));
  EXPECT_THAT(everything(), ElementsAre("stream orders yaml", "task products yaml"));
}

TEST_F(CatalogTest, ThreadsDoNotGetIntoEachOthersTransactions) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        std::string name = "f" + std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(catalog_->put(function_spec(name), Origin::api));
        EXPECT_TRUE(catalog_->functions());
        if (i % 2 == 1) {
          EXPECT_TRUE(catalog_->remove(Kind::function, name));
        }
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(catalog_->functions()->size(), 20u);
}

TEST_F(CatalogTest, RefusesTheFileOfANewerProgram) {
  catalog_.reset();
  ASSERT_TRUE(Sqlite::open(file_, Sqlite::Synchronous::full, Sqlite::Check::header)
                  .value()
                  ->execute("PRAGMA user_version = 3"));
  auto opened = Catalog::open(file_, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::conflict);
  EXPECT_THAT(opened.error().message, AllOf(HasSubstr(file_), HasSubstr("schema version 3")));
}

TEST_F(CatalogTest, LeavesADamagedFileAsItIs) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(catalog_->put(function_spec("f" + std::to_string(i)), Origin::api));
  catalog_.reset();
  auto bytes = read_file(file_).value();
  for (std::size_t at = 4096; at < bytes.size(); ++at) bytes[at] = '\x5a';
  ASSERT_TRUE(replace_file(file_, bytes));

  auto opened = Catalog::open(file_, clock_);

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr(file_));
  EXPECT_EQ(read_file(file_).value(), bytes);
}

TEST_F(CatalogTest, NamesTheObjectWhoseSpecCannotBeRead) {
  ASSERT_TRUE(catalog_->put(function_spec("f"), Origin::api));
  catalog_.reset();
  ASSERT_TRUE(Sqlite::open(file_, Sqlite::Synchronous::full, Sqlite::Check::header)
                  .value()
                  ->execute("UPDATE objects SET spec = '{\"name\":\"f\",\"memory_mib\":\"x\"}'"));
  reopen();
  auto functions = catalog_->functions();
  ASSERT_FALSE(functions);
  EXPECT_EQ(functions.error().fault, Fault::corrupt);
  EXPECT_THAT(functions.error().message,
              AllOf(HasSubstr(file_), HasSubstr("function f"), HasSubstr("memory_mib")));
}

}  // namespace
}  // namespace tailrace::catalog
