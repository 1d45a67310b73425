#include "stream/streams.h"

#include "stream/stream_fixture.h"

namespace tailrace::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(StreamTest, AStreamIsFoundByNameAndOpenedOnce) {
  ASSERT_TRUE(streams->open(spec("b", 1)));
  ASSERT_TRUE(streams->open(spec("a", 1)));
  auto again = streams->open(spec("a", 1));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault, Fault::conflict);
  EXPECT_EQ(streams->find("b")->spec()->name, "b");
  EXPECT_EQ(streams->find("c"), nullptr);
  EXPECT_EQ(streams->all().size(), 2u);
}

TEST_F(StreamTest, TheFolderIsNamedForTheIncarnation) {
  auto stream = open(1);
  put(*stream, "key", "payload");
  auto folder = disk->subdirectory("streams");
  EXPECT_THAT(*(*folder)->list(), ElementsAre("orders-0000000000000abc"));
}

TEST_F(StreamTest, RemovingAStreamEndsItForAllWhoHaveItAndTakesItsFolder) {
  auto stream = open(1);
  put(*stream, "key", "payload");

  ASSERT_TRUE(streams->remove(*stream->spec()));

  EXPECT_EQ(streams->find("orders"), nullptr);
  auto batch = stream->begin_batch();
  batch.add("key", "too late");
  EXPECT_EQ(stream->append(batch, patience).error().fault, Fault::not_found);
  EXPECT_EQ(stream->put(batch).error().fault, Fault::not_found);
  EXPECT_EQ(stream->read(0, 0, 1, 1).error().fault, Fault::not_found);
  EXPECT_EQ(stream->retire().error().fault, Fault::not_found);
  EXPECT_FALSE(stream->has_expired(0));
  auto folder = disk->subdirectory("streams");
  EXPECT_THAT(*(*folder)->list(), IsEmpty());
  EXPECT_TRUE(streams->remove(spec("orders", 1))) << "again is no error";
}

TEST_F(StreamTest, AStreamMadeAgainUnderTheSameNameIsAnotherOne) {
  auto first = open(1);
  put(*first, "key", "old");
  auto again = spec("orders", 1);
  again.incarnation = 0xdef;
  ASSERT_TRUE(streams->remove(*first->spec()));
  auto second = streams->open(again).value();

  ASSERT_TRUE(streams->remove(spec("orders", 1)));  // of the first one, once more

  EXPECT_EQ(streams->find("orders"), second);
  put(*second, "key", "new");
  EXPECT_THAT(payloads(*second, 0), ElementsAre("new"));
}

}  // namespace
}  // namespace tailrace::stream
