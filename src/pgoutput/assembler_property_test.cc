#include <gtest/gtest.h>

#include <random>

#include "pgoutput/assembler.h"
#include "pgoutput/testing/memory_directory.h"
#include "pgoutput/testing/message_writer.h"
#include "pgoutput/testing/recording_sink.h"

namespace tailrace::pgoutput {
namespace {

using namespace testing;  // NOLINT: the messages, by their bare names

// One message of a transaction, as it looks in a plain transaction and in a streamed block.
struct Step {
  std::uint32_t subxid;
  bool is_relation;
  std::string plain, streamed;
};
struct Scenario {
  std::uint32_t xid;
  Lsn commit;
  bool aborted;
  std::vector<Step> steps;
  std::vector<std::uint32_t> aborted_subtransactions;
};

class ScenarioMaker {
 public:
  explicit ScenarioMaker(std::mt19937& random) : random_(random) {}

  Scenario make(std::uint32_t xid) {
    Scenario scenario{xid, Lsn{xid * 1000ull}, one_in(6), {}, {}};
    std::set<std::uint32_t> described;
    std::uint32_t subxid = xid;
    int steps = below(40);
    for (int i = 0; i < steps; ++i) {
      if (one_in(5)) subxid = one_in(3) ? xid : xid + static_cast<std::uint32_t>(1 + below(5));
      std::uint32_t oid = 100 + static_cast<std::uint32_t>(below(4));
      if (described.insert(oid).second)
        add(scenario, subxid, true, [&](Subxid in) { return relation(relation_of(oid), in); });
      add_change(scenario, subxid, oid);
    }
    for (std::uint32_t candidate = xid + 1; candidate <= xid + 5; ++candidate)
      if (one_in(3)) scenario.aborted_subtransactions.push_back(candidate);
    return scenario;
  }

  bool one_in(int n) { return below(n) == 0; }
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }

 private:
  static Relation relation_of(std::uint32_t oid) {
    Relation relation{.oid = oid, .schema = "s", .name = "t" + std::to_string(oid), .columns = {}};
    bool full = oid % 2 == 0;
    relation.replica_identity = full ? 'f' : 'd';
    for (int i = 0; i < 3; ++i)
      relation.columns.push_back({.name = "c" + std::to_string(i),
                                  .type_oid = 25,
                                  .in_identity = full || i == 0,
                                  .user_type = ""});
    return relation;
  }

  template <typename Write>
  void add(Scenario& scenario, std::uint32_t subxid, bool is_relation, Write write) {
    scenario.steps.push_back({subxid, is_relation, write(std::nullopt), write(subxid)});
  }

  void add_change(Scenario& scenario, std::uint32_t subxid, std::uint32_t oid) {
    bool full = oid % 2 == 0;
    Fields before{text(), full ? Field(text()) : null_field, null_field};
    Fields after{text(), one_in(4) ? unchanged_field : Field(text()),
                 one_in(4) ? null_field : Field(text())};
    char image = full ? 'O' : 'K';
    switch (below(5)) {
      case 0:
      case 1:
        after[1] = text();
        return add(scenario, subxid, false, [&](Subxid in) { return insert(oid, after, in); });
      case 2: {
        char given = full || one_in(2) ? image : '\0';
        return add(scenario, subxid, false,
                   [&](Subxid in) { return update(oid, given, before, after, in); });
      }
      case 3:
        return add(scenario, subxid, false,
                   [&](Subxid in) { return remove(oid, image, before, in); });
      default:
        return add(scenario, subxid, false, [&](Subxid in) { return truncate({oid, oid}, in); });
    }
  }

  std::string text() {
    return std::string(static_cast<std::size_t>(below(30)), static_cast<char>('a' + below(26)));
  }

  std::mt19937& random_;
};

class AssemblerPropertyTest : public ::testing::TestWithParam<unsigned> {};

// What a server sends without streaming: the transactions one after the other, rolled back work
// left out.
std::vector<std::string> plain_messages(const std::vector<Scenario>& scenarios) {
  std::vector<std::string> messages;
  for (const auto& scenario : scenarios) {
    if (scenario.aborted) continue;
    messages.push_back(begin(scenario.commit, 3, scenario.xid));
    for (const auto& step : scenario.steps) {
      const auto& aborted = scenario.aborted_subtransactions;
      if (step.is_relation ||
          std::find(aborted.begin(), aborted.end(), step.subxid) == aborted.end())
        messages.push_back(step.plain);
    }
    messages.push_back(commit(scenario.commit, Lsn{scenario.commit.value + 8}, 3));
  }
  return messages;
}

// The same with streaming: blocks of all open transactions alternate, and each ends in its turn.
std::vector<std::string> streamed_messages(const std::vector<Scenario>& scenarios,
                                           ScenarioMaker& random) {
  std::vector<std::string> messages;
  std::vector<std::size_t> sent(scenarios.size());
  std::set<std::size_t> started;
  auto send_block = [&](std::size_t i, std::size_t steps) {
    messages.push_back(stream_start(scenarios[i].xid, started.insert(i).second));
    for (; steps > 0 && sent[i] < scenarios[i].steps.size(); --steps)
      messages.push_back(scenarios[i].steps[sent[i]++].streamed);
    messages.push_back(stream_stop());
  };
  for (std::size_t ending = 0; ending < scenarios.size(); ++ending) {
    for (int blocks = random.below(6); blocks > 0; --blocks) {
      auto left = static_cast<int>(scenarios.size() - ending);
      send_block(ending + static_cast<std::size_t>(random.below(left)),
                 static_cast<std::size_t>(random.below(8)));
    }
    const auto& scenario = scenarios[ending];
    send_block(ending, scenario.steps.size());
    for (auto subxid : scenario.aborted_subtransactions)
      messages.push_back(random.one_in(2) ? stream_abort(scenario.xid, subxid)
                                          : stream_abort_with_lsn(scenario.xid, subxid));
    messages.push_back(scenario.aborted ? stream_abort(scenario.xid, scenario.xid)
                                        : stream_commit(scenario.xid, scenario.commit,
                                                        Lsn{scenario.commit.value + 8}, 3));
  }
  return messages;
}

std::vector<std::string> calls_for(const std::vector<std::string>& messages,
                                   std::size_t memory_bytes_max) {
  RecordingSink sink;
  sink.unwanted = {"t101"};
  sink.already_in_log = {30};
  MemoryDirectory spill;
  auto assembler = *Assembler::make(sink, spill, {.memory_bytes_max = memory_bytes_max});
  for (const auto& message : messages) {
    auto fed = assembler->feed(message);
    EXPECT_TRUE(fed) << fed.error().message;
  }
  EXPECT_TRUE(spill.files.empty());
  EXPECT_EQ(assembler->statistics().open_transactions, 0u);
  return sink.calls;
}

TEST_P(AssemblerPropertyTest, AStreamedTransactionIsHandedOverAsAPlainOneIs) {
  std::mt19937 engine(GetParam());
  ScenarioMaker random(engine);
  std::vector<Scenario> scenarios;
  for (std::uint32_t i = 1; i <= 12; ++i) scenarios.push_back(random.make(i * 10));

  auto expected = calls_for(plain_messages(scenarios), 1u << 20);
  EXPECT_FALSE(expected.empty());
  auto streamed = streamed_messages(scenarios, random);
  for (std::size_t memory_bytes_max : {std::size_t{0}, std::size_t{2000}, std::size_t{1} << 20})
    EXPECT_EQ(calls_for(streamed, memory_bytes_max), expected)
        << "with room for " << memory_bytes_max << " bytes";
}

INSTANTIATE_TEST_SUITE_P(Seeds, AssemblerPropertyTest, ::testing::Range(0u, 100u));

}  // namespace
}  // namespace tailrace::pgoutput
