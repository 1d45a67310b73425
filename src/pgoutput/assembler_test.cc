#include "pgoutput/assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hex.h"
#include "pgoutput/testing/memory_directory.h"
#include "pgoutput/testing/message_writer.h"
#include "pgoutput/testing/recording_sink.h"

namespace tailrace::pgoutput {
namespace {

using namespace testing;  // NOLINT: the messages, by their bare names
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Relation products{
    .oid = 100,
    .schema = "public",
    .name = "products",
    .replica_identity = 'd',
    .columns = {{.name = "id", .type_oid = 23, .in_identity = true, .user_type = ""},
                {.name = "note", .type_oid = 25, .user_type = ""}}};

Relation renamed(Relation relation, std::string name) {
  relation.name = std::move(name);
  return relation;
}

Relation with_full_identity(Relation relation) {
  relation.replica_identity = 'f';
  for (auto& column : relation.columns) column.in_identity = true;
  return relation;
}

Relation with_oid(Relation relation, std::uint32_t oid) {
  relation.oid = oid;
  return relation;
}

const std::string products_call = "relation public.products d id:23* note:25";

class AssemblerTest : public ::testing::Test {
 protected:
  AssemblerTest() { make({}); }

  void make(Assembler::Options options) {
    assembler = std::move(*Assembler::make(sink, spill, options));
  }

  void feed(const std::vector<std::string>& messages) {
    for (const auto& message : messages) {
      auto fed = assembler->feed(message);
      ASSERT_TRUE(fed) << fed.error().message;
    }
  }

  Error failure(const std::vector<std::string>& messages) {
    for (const auto& message : messages) {
      auto fed = assembler->feed(message);
      if (!fed) return fed.error();
    }
    return {Fault::internal, "no failure"};
  }

  std::vector<std::string> calls() { return std::exchange(sink.calls, {}); }

  RecordingSink sink;
  MemoryDirectory spill;
  std::unique_ptr<Assembler> assembler;
};

std::string bytes_of(std::string digits) {
  std::erase(digits, ' ');
  return from_hex(digits).value();
}

TEST_F(AssemblerTest, TakesATransactionAsAServerSentIt) {
  feed({bytes_of("42 0000000001780480 000303e48a2f02a9 000002f4"),
        bytes_of("52 00004000 7075626c696300 6100 64 0002 01 696400 00000017 ffffffff 00 7400 "
                 "00000019 ffffffff"),
        bytes_of("49 00004000 4e 0002 74 00000001 37 74 00000002 6869"),
        bytes_of("43 00 0000000001780480 00000000017804b0 000303e48a2f02a9")});

  const std::string transaction =
      "756 at 0/1780480 time " + std::to_string(0x000303e48a2f02a9 + 946684800000000);
  EXPECT_THAT(calls(), ElementsAre("relation public.a d id:23* t:25", "begin " + transaction,
                                   "756#1 insert a after('7','hi')",
                                   "commit " + transaction + " end 0/17804B0"));
  EXPECT_TRUE(assembler->between_transactions());
}

TEST_F(AssemblerTest, TellsWhetherItIsInsideATransaction) {
  feed({begin(Lsn{10}, 0, 7)});
  EXPECT_FALSE(assembler->between_transactions());
  feed({commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_TRUE(assembler->between_transactions());
}

TEST_F(AssemblerTest, HidesColumnsThatAKeyImageDoesNotShow) {
  feed({begin(Lsn{10}, 0, 7), relation(products), remove(100, 'K', {"1", null_field}),
        update(100, 'K', {"2", null_field}, {"3", "x"}), commit(Lsn{10}, Lsn{20}, 0)});
  auto seen = calls();
  EXPECT_EQ(seen[2], "7#1 remove products before('1',absent)");
  EXPECT_EQ(seen[3], "7#2 update products before('2',absent) after('3','x')");
}

TEST_F(AssemblerTest, ShowsAWholeOldRowWithItsNulls) {
  feed({begin(Lsn{10}, 0, 7), relation(with_full_identity(products)),
        remove(100, 'O', {"1", null_field}), commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_EQ(calls()[2], "7#1 remove products before('1',null)");
}

TEST_F(AssemblerTest, FillsUnchangedValuesFromTheOldRow) {
  feed({begin(Lsn{10}, 0, 7), relation(with_full_identity(products)),
        update(100, 'O', {"1", "long"}, {"2", unchanged_field}), commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_EQ(calls()[2], "7#1 update products before('1','long') after('2','long')");
}

TEST_F(AssemblerTest, SaysUnchangedWhereTheOldRowIsNotThere) {
  feed({begin(Lsn{10}, 0, 7), relation(products), update(100, 0, {}, {"1", unchanged_field}),
        update(100, 'K', {"1", null_field}, {"2", unchanged_field}), commit(Lsn{10}, Lsn{20}, 0)});
  auto seen = calls();
  EXPECT_EQ(seen[2], "7#1 update products after('1',unchanged)");
  EXPECT_EQ(seen[3], "7#2 update products before('1',absent) after('2',unchanged)");
}

TEST_F(AssemblerTest, AnnouncesARelationOnceUntilItChanges) {
  feed({begin(Lsn{10}, 0, 7), relation(products), insert(100, {"1", "a"}), relation(products),
        insert(100, {"2", "b"}), relation(renamed(products, "goods")), insert(100, {"3", "c"}),
        commit(Lsn{10}, Lsn{20}, 0)});
  auto seen = calls();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(),
                          [](auto& call) { return call.starts_with("relation"); }),
            2);
  EXPECT_EQ(seen[4], "relation public.goods d id:23* note:25");
  EXPECT_EQ(seen[5], "7#3 insert goods after('3','c')");
}

TEST_F(AssemblerTest, NamesUserTypesAndTheBaseOfADomain) {
  Relation relation_of_types = products;
  relation_of_types.columns[0].type_oid = 16390;
  relation_of_types.columns[1].type_oid = 16391;
  feed({begin(Lsn{10}, 0, 7), type(16390, "", "int4"), type(16391, "public", "mood"),
        relation(relation_of_types), insert(100, {"1", "sad"}), commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_EQ(calls()[0], "relation public.products d id:16390.int4* note:16391public.mood");
}

TEST_F(AssemblerTest, CountsUnwantedRowsInTheOrdinals) {
  sink.unwanted = {"noise"};
  feed({begin(Lsn{10}, 0, 7), relation(products),
        relation(with_oid(renamed(products, "noise"), 200)), insert(200, {"1", "a"}),
        truncate({200, 100, 200}), insert(100, {"1", "a"}), commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_THAT(calls(), ElementsAre("relation public.noise d id:23* note:25", products_call,
                                   HasSubstr("begin 7"), "7#3 truncate products",
                                   "7#5 insert products after('1','a')", HasSubstr("commit 7")));
}

TEST_F(AssemblerTest, PassesTheEndOfATransactionThatHeldNothingWanted) {
  sink.unwanted = {"products"};
  feed({begin(Lsn{10}, 0, 7), commit(Lsn{10}, Lsn{20}, 0)});
  feed({begin(Lsn{30}, 0, 8), relation(products), insert(100, {"1", "a"}),
        commit(Lsn{30}, Lsn{40}, 0)});
  EXPECT_THAT(calls(),
              ElementsAre("commit nothing end 0/14", products_call, "commit nothing end 0/28"));
}

TEST_F(AssemblerTest, SkipsTheRowsOfATransactionThatIsInTheLogAlready) {
  sink.already_in_log = {7};
  feed({begin(Lsn{10}, 0, 7), relation(products), insert(100, {"1", "a"}), "I not decoded any more",
        truncate({100}), commit(Lsn{10}, Lsn{20}, 0)});
  feed({begin(Lsn{30}, 0, 8), insert(100, {"2", "b"}), commit(Lsn{30}, Lsn{40}, 0)});
  EXPECT_THAT(calls(), ElementsAre(products_call, HasSubstr("begin 7"), "commit nothing end 0/14",
                                   HasSubstr("begin 8"), "8#1 insert products after('2','b')",
                                   HasSubstr("commit 8")));
}

TEST_F(AssemblerTest, PassesOverOriginsAndLogicalMessages) {
  feed({logical_message("audit", "outside"), begin(Lsn{10}, 0, 7), origin("elsewhere"),
        logical_message("audit", "x"), commit(Lsn{10}, Lsn{20}, 0), stream_start(9, true),
        origin("elsewhere"), logical_message("audit", "x", 9), stream_stop(), stream_abort(9, 9)});
  EXPECT_THAT(calls(), ElementsAre("commit nothing end 0/14"));
}

TEST_F(AssemblerTest, HandsOverAStreamedTransactionAtItsCommit) {
  feed({stream_start(7, true), relation(products, 7), insert(100, {"1", "a"}, 7), stream_stop()});
  EXPECT_TRUE(assembler->between_transactions());
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_EQ(assembler->statistics().open_transactions, 1u);

  feed({begin(Lsn{10}, 0, 8), relation(products), insert(100, {"2", "b"}),
        commit(Lsn{10}, Lsn{20}, 0)});
  EXPECT_THAT(calls(), ElementsAre(products_call, HasSubstr("begin 8"),
                                   "8#1 insert products after('2','b')", HasSubstr("commit 8")));

  feed({stream_start(7, false), insert(100, {"3", "c"}, 7), stream_stop(),
        stream_commit(7, Lsn{30}, Lsn{40}, 5)});
  EXPECT_THAT(calls(),
              ElementsAre(HasSubstr("begin 7 at 0/1E"), "7#1 insert products after('1','a')",
                          "7#2 insert products after('3','c')", HasSubstr("end 0/28")));
  EXPECT_EQ(assembler->statistics().open_transactions, 0u);
  EXPECT_EQ(assembler->statistics().memory_bytes, 0u);
}

TEST_F(AssemblerTest, DropsTheRowsOfAbortedSubtransactions) {
  feed({stream_start(7, true), relation(products, 70), insert(100, {"1", "a"}, 7),
        insert(100, {"2", "b"}, 70), insert(100, {"3", "c"}, 71), stream_stop(),
        stream_abort(7, 70), stream_start(7, false), insert(100, {"4", "d"}, 72),
        insert(100, {"5", "e"}, 7), stream_stop(), stream_abort_with_lsn(7, 72),
        stream_commit(7, Lsn{30}, Lsn{40}, 5)});
  // The relation came under the first aborted subtransaction and still holds for the other rows.
  EXPECT_THAT(calls(),
              ElementsAre(products_call, HasSubstr("begin 7"), "7#1 insert products after('1','a')",
                          "7#2 insert products after('3','c')",
                          "7#3 insert products after('5','e')", HasSubstr("commit 7")));
}

TEST_F(AssemblerTest, DropsAnAbortedStreamedTransaction) {
  make({.memory_bytes_max = 1});
  feed({stream_start(7, true), relation(products, 7), insert(100, {"1", "a"}, 7), stream_stop()});
  EXPECT_FALSE(spill.files.empty());
  feed({stream_abort(7, 7), stream_abort(7, 7)});
  EXPECT_TRUE(spill.files.empty());
  EXPECT_THAT(calls(), IsEmpty());
  EXPECT_EQ(failure({stream_commit(7, Lsn{30}, Lsn{40}, 5)}).fault, Fault::corrupt);
}

TEST_F(AssemblerTest, KeepsARelationOfAStreamedTransactionToItUntilItCommits) {
  auto goods = renamed(products, "goods");
  feed({begin(Lsn{10}, 0, 6), relation(products), insert(100, {"1", "a"}),
        commit(Lsn{10}, Lsn{20}, 0), stream_start(7, true), relation(goods, 7),
        insert(100, {"2", "b"}, 7), stream_stop(), begin(Lsn{30}, 0, 8), insert(100, {"3", "c"}),
        commit(Lsn{30}, Lsn{40}, 0)});
  EXPECT_EQ(calls().back(), "commit 8 at 0/1E time 946684800000000 end 0/28");
  feed({stream_commit(7, Lsn{50}, Lsn{60}, 0), begin(Lsn{70}, 0, 9), insert(100, {"4", "d"}),
        commit(Lsn{70}, Lsn{80}, 0)});
  auto seen = calls();
  EXPECT_EQ(seen[0], "relation public.goods d id:23* note:25");
  EXPECT_EQ(seen[2], "7#1 insert goods after('2','b')");
  EXPECT_EQ(seen[5], "9#1 insert goods after('4','d')");
}

TEST_F(AssemblerTest, KeepsTheNewerRelationWhenAStreamedTransactionCommitsWithAnOlderOne) {
  auto goods = renamed(products, "goods");
  feed({stream_start(7, true), relation(products, 7), insert(100, {"1", "a"}, 7), stream_stop(),
        begin(Lsn{10}, 0, 8), relation(goods), insert(100, {"2", "b"}), commit(Lsn{10}, Lsn{20}, 0),
        stream_commit(7, Lsn{30}, Lsn{40}, 0)});
  calls();
  feed({begin(Lsn{50}, 0, 9), insert(100, {"3", "c"}), commit(Lsn{50}, Lsn{60}, 0)});
  auto seen = calls();
  EXPECT_EQ(seen[0], "relation public.goods d id:23* note:25");
  EXPECT_EQ(seen[2], "9#1 insert goods after('3','c')");
}

TEST_F(AssemblerTest, SpillsTheLargestTransactionAndReadsItBack) {
  make({.memory_bytes_max = 2048});
  const std::string big(600, 'b');
  feed({stream_start(1, true), relation(products, 1), insert(100, {"0", "small"}, 1),
        stream_stop()});
  feed({stream_start(2, true), relation(products, 2), stream_stop()});
  for (int i = 0; i < 100; ++i)
    feed({stream_start(2, false), insert(100, {std::to_string(i), big}, 2), stream_stop()});
  EXPECT_LE(assembler->statistics().memory_bytes, 2048u);
  EXPECT_GT(assembler->statistics().spilled_bytes, 50'000u);
  EXPECT_EQ(assembler->statistics().spilled_transactions, 1u);

  feed({stream_commit(1, Lsn{10}, Lsn{20}, 0)});
  EXPECT_EQ(calls()[2], "1#1 insert products after('0','small')");
  feed({stream_commit(2, Lsn{30}, Lsn{40}, 0)});
  auto seen = calls();
  ASSERT_EQ(seen.size(), 102u);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(seen[static_cast<std::size_t>(i) + 1], "2#" + std::to_string(i + 1) +
                                                         " insert products after('" +
                                                         std::to_string(i) + "','" + big + "')");
  EXPECT_TRUE(spill.files.empty());
}

TEST_F(AssemblerTest, ReadsBackARowThatIsLargerThanAPieceOfTheFile) {
  make({.memory_bytes_max = 1});
  const std::string huge(1'000'000, 'h');
  feed({stream_start(1, true), relation(products, 1), insert(100, {"0", "x"}, 1),
        insert(100, {"1", huge}, 1), insert(100, {"2", "y"}, 1), stream_stop(),
        stream_commit(1, Lsn{10}, Lsn{20}, 0)});
  auto seen = calls();
  ASSERT_EQ(seen.size(), 6u);
  EXPECT_EQ(seen[3], "1#2 insert products after('1','" + huge + "')");
  EXPECT_EQ(seen[4], "1#3 insert products after('2','y')");
}

TEST_F(AssemblerTest, SaysThatThereIsNoRoomToSpill) {
  make({.memory_bytes_max = 1});
  spill.file_bytes_max = 10;
  EXPECT_EQ(failure({stream_start(1, true), relation(products, 1)}).fault, Fault::full);
  // What was written of the file goes with the connection.
  ASSERT_TRUE(assembler->reset());
  EXPECT_TRUE(spill.files.empty());
}

TEST_F(AssemblerTest, SaysThatASpilledFileWasCutShort) {
  make({.memory_bytes_max = 1});
  feed({stream_start(1, true), relation(products, 1), insert(100, {"0", "x"}, 1), stream_stop()});
  spill.files.begin()->second->pop_back();
  EXPECT_EQ(failure({stream_commit(1, Lsn{10}, Lsn{20}, 0)}).fault, Fault::corrupt);
}

TEST_F(AssemblerTest, RemovesWhatAnEarlierRunSpilledAndNothingElse) {
  make({.memory_bytes_max = 1});
  feed({stream_start(1, true), relation(products, 1), stream_stop()});
  ASSERT_EQ(spill.files.size(), 1u);
  auto left_over = spill.files;
  make({});
  spill.files = left_over;
  spill.files["notes.txt"] = std::make_shared<std::string>("mine");
  make({});
  ASSERT_EQ(spill.files.size(), 1u);
  EXPECT_EQ(spill.files.begin()->first, "notes.txt");
}

TEST_F(AssemblerTest, ForgetsEverythingAtAReset) {
  feed({begin(Lsn{10}, 0, 6), relation(products), insert(100, {"1", "a"}),
        commit(Lsn{10}, Lsn{20}, 0), stream_start(7, true), relation(products, 7)});
  ASSERT_TRUE(assembler->reset());
  EXPECT_TRUE(assembler->between_transactions());
  EXPECT_EQ(assembler->statistics().open_transactions, 0u);
  calls();
  // The same transaction comes again from its first block, and the relation is announced anew.
  feed({stream_start(7, true), relation(products, 7), insert(100, {"2", "b"}, 7), stream_stop(),
        stream_commit(7, Lsn{30}, Lsn{40}, 0)});
  EXPECT_EQ(calls()[0], products_call);
  ASSERT_TRUE(assembler->reset());
  EXPECT_THAT(failure({begin(Lsn{50}, 0, 8), insert(100, {"3", "c"})}).message,
              HasSubstr("not described"));
}

TEST_F(AssemblerTest, PassesOnAnErrorOfTheSink) {
  sink.on_change = [](const Change&) { return Error{Fault::full, "the log has no room"}; };
  auto plain = failure({begin(Lsn{10}, 0, 7), relation(products), insert(100, {"1", "a"})});
  EXPECT_EQ(plain.fault, Fault::full);
  ASSERT_TRUE(assembler->reset());
  auto streamed = failure({stream_start(7, true), relation(products, 7), insert(100, {"1", "a"}, 7),
                           stream_stop(), stream_commit(7, Lsn{30}, Lsn{40}, 0)});
  EXPECT_EQ(streamed.fault, Fault::full);
  EXPECT_THAT(streamed.message, HasSubstr("the log has no room"));
}

TEST_F(AssemblerTest, RefusesMessagesWhereTheyCannotStand) {
  const std::vector<std::vector<std::string>> sequences = {
      {""},
      {"Z"},
      {stream_stop()},
      {insert(100, {"1", "a"})},
      {truncate({100})},
      {commit(Lsn{10}, Lsn{20}, 0)},
      {begin(Lsn{10}, 0, 7), begin(Lsn{10}, 0, 7)},
      {begin(Lsn{10}, 0, 7), commit(Lsn{11}, Lsn{20}, 0)},
      {begin(Lsn{10}, 0, 7), insert(100, {"1", "a"})},
      {begin(Lsn{10}, 0, 7), truncate({100})},
      {begin(Lsn{10}, 0, 7), stream_start(8, true)},
      {begin(Lsn{10}, 0, 7), stream_abort(8, 8)},
      {begin(Lsn{10}, 0, 7), stream_commit(8, Lsn{10}, Lsn{20}, 0)},
      {begin(Lsn{10}, 0, 7), stream_stop()},
      {stream_start(7, false)},
      {stream_commit(7, Lsn{10}, Lsn{20}, 0)},
      {stream_start(7, true), stream_start(8, true)},
      {stream_start(7, true), begin(Lsn{10}, 0, 7)},
      {stream_start(7, true), commit(Lsn{10}, Lsn{20}, 0)},
      {stream_start(7, true), stream_abort(7, 7)},
      {stream_start(7, true), stream_commit(7, Lsn{10}, Lsn{20}, 0)},
      {stream_start(7, true), stream_stop(), stream_start(7, true)},
  };
  for (const auto& messages : sequences) {
    ASSERT_TRUE(assembler->reset());
    EXPECT_EQ(failure(messages).fault, Fault::corrupt) << messages.back()[0];
  }
}

TEST_F(AssemblerTest, RefusesRowsThatDoNotFitTheirRelation) {
  for (const auto& row :
       {insert(100, {"1"}), insert(100, {"1", "a", "b"}), insert(100, {"1", Field{'b', 0}}),
        update(100, 'N', {"1", "a"}, {"1", "a"}), remove(100, 'N', {"1", "a"})}) {
    ASSERT_TRUE(assembler->reset());
    EXPECT_EQ(failure({begin(Lsn{10}, 0, 7), relation(products), row}).fault, Fault::corrupt);
  }
}

TEST_F(AssemblerTest, SaysThatTwoPhaseCommitWasNotAskedFor) {
  for (char type : {'b', 'P', 'K', 'r', 'p'}) {
    auto error = failure({std::string(1, type)});
    EXPECT_EQ(error.fault, Fault::corrupt);
    EXPECT_THAT(error.message, HasSubstr("TWO_PHASE"));
  }
}

// Each message of a valid stream, cut at each of its bytes or with one too many.
TEST_F(AssemblerTest, RefusesEveryTruncationOfAMessage) {
  const std::vector<std::string> outside = {begin(Lsn{10}, 0, 7),
                                            relation(products),
                                            type(16390, "public", "mood"),
                                            origin("elsewhere"),
                                            logical_message("audit", "content"),
                                            stream_start(9, true),
                                            stream_commit(9, Lsn{10}, Lsn{20}, 0),
                                            stream_abort(9, 9)};
  const std::vector<std::string> inside = {commit(Lsn{10}, Lsn{20}, 0),
                                           insert(100, {"1", "a"}),
                                           insert(100, {null_field, unchanged_field}),
                                           update(100, 0, {}, {"1", "a"}),
                                           update(100, 'K', {"1", null_field}, {"1", "a"}),
                                           update(100, 'O', {"1", "b"}, {"1", "a"}),
                                           remove(100, 'K', {"1", null_field}),
                                           truncate({100, 100})};
  const std::vector<std::string> inside_block = {
      relation(products, 9), logical_message("audit", "content", 9), origin("elsewhere")};
  auto refuses = [&](const std::vector<std::string>& before, const std::string& message) {
    auto attempt = [&](std::string broken) {
      ASSERT_TRUE(assembler->reset());
      feed(before);
      auto fed = assembler->feed(broken);
      EXPECT_FALSE(fed) << message[0] << " of " << broken.size() << " bytes instead of "
                        << message.size();
    };
    for (std::size_t length = 0; length < message.size(); ++length)
      attempt(message.substr(0, length));
    attempt(message + '\0');
  };
  for (const auto& message : outside) refuses({}, message);
  for (const auto& message : inside) refuses({begin(Lsn{10}, 0, 7), relation(products)}, message);
  for (const auto& message : inside_block) refuses({stream_start(9, true)}, message);
  refuses({stream_start(9, true), stream_stop()}, stream_abort_with_lsn(9, 9).substr(0, 9));

  // Rows of a streamed transaction are decoded when it commits.
  for (const auto& message :
       {insert(100, {"1", "a"}, 9), update(100, 'O', {"1", "b"}, {"1", "a"}, 9),
        remove(100, 'K', {"1", null_field}, 9), truncate({100}, 9)}) {
    for (std::size_t length = 0; length < message.size(); ++length) {
      ASSERT_TRUE(assembler->reset());
      auto error = failure({stream_start(9, true), relation(products, 9), message.substr(0, length),
                            stream_stop(), stream_commit(9, Lsn{10}, Lsn{20}, 0)});
      EXPECT_EQ(error.fault, Fault::corrupt)
          << message[0] << " of " << length << " bytes: " << error.message;
    }
  }
}

}  // namespace
}  // namespace tailrace::pgoutput
