#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "admin/api_fixture.h"
#include "admin/metrics_text.h"

namespace tailrace::admin {
namespace {

TEST(MetricsText, IsPrometheusTextFormat) {
  MetricsText text;
  text.counter("tailrace_things_total", "Things.");
  text.sample({{"a", "x\"\\\ny"}, {"b", "2"}}, 17);
  text.gauge("tailrace_age_seconds", "Age.");
  text.sample({}, 0.25);
  EXPECT_EQ(text.take(),
            "# HELP tailrace_things_total Things.\n"
            "# TYPE tailrace_things_total counter\n"
            "tailrace_things_total{a=\"x\\\"\\\\\\ny\",b=\"2\"} 17\n"
            "# HELP tailrace_age_seconds Age.\n"
            "# TYPE tailrace_age_seconds gauge\n"
            "tailrace_age_seconds 0.25\n");
}

class MetricsTest : public ApiFixture {
 protected:
  MetricsTest() {
    auto orders = make_stream("orders", 2);
    append(*orders, 0, "k", "payload");
    append(*orders, 1, "k", "payload");
    make_task("products", "orders");
    function::FunctionSpec function;
    function.name = "on-change";
    EXPECT_TRUE(parts.all_functions.put(function));
    delivery::TriggerSpec trigger;
    trigger.name = "orders/on-change";
    EXPECT_TRUE(parts.all_deliveries.put(trigger));
  }

  // name{labels} -> value
  std::map<std::string, double> samples() {
    std::map<std::string, double> found;
    std::istringstream lines(metrics_text(parts));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#')) continue;
      auto space = line.rfind(' ');
      EXPECT_TRUE(found.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second)
          << "twice: " << line;
    }
    return found;
  }
};

TEST_F(MetricsTest, CountsWhatThePartsCount) {
  auto found = samples();
  EXPECT_EQ(found["tailrace_stream_records{stream=\"orders\"}"], 2);
  EXPECT_EQ(found["tailrace_task_state{task=\"products\",state=\"running\"}"], 1);
  EXPECT_EQ(found["tailrace_task_state{task=\"products\",state=\"failed\"}"], 0);
  EXPECT_EQ(found["tailrace_function_invocations_total{function=\"on-change\"}"], 4);
  EXPECT_EQ(found["tailrace_function_duration_seconds_total{function=\"on-change\"}"], 0.006);
  EXPECT_EQ(found["tailrace_trigger_pending_records{trigger=\"orders/on-change\"}"], 5);
  EXPECT_EQ(found["tailrace_trigger_lag_seconds{trigger=\"orders/on-change\"}"], 1.5);
  EXPECT_EQ(found["tailrace_build_info{version=\"1.2.3\"}"], 1);
  EXPECT_EQ(found["tailrace_ready"], 1);
  EXPECT_GT(found["tailrace_process_resident_memory_bytes"], 1e6);
  EXPECT_GT(found["tailrace_process_open_fds"], 2);
}

// The families as "name type", and each one's samples right behind its head.
TEST_F(MetricsTest, TheDocumentationListsExactlyTheseFamilies) {
  std::set<std::string> served;
  std::istringstream lines(metrics_text(parts));
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    std::smatch head;
    if (std::regex_match(line, head, std::regex("# TYPE (\\S+) (\\S+)"))) {
      family = head[1];
      EXPECT_TRUE(served.insert(family + " " + head[2].str()).second) << "twice: " << line;
    } else if (!line.starts_with('#')) {
      EXPECT_EQ(line.substr(0, line.find_first_of("{ ")), family);
    }
  }

  std::set<std::string> documented;
  std::ifstream page(TAILRACE_DOCS "/metrics.md");
  ASSERT_TRUE(page.is_open());
  for (std::string line; std::getline(page, line);) {
    std::smatch row;
    if (std::regex_search(line, row, std::regex("^\\| `(tailrace_\\w+)` \\| (\\w+) \\|")))
      documented.insert(row[1].str() + " " + row[2].str());
  }
  EXPECT_EQ(documented, served);
}

TEST_F(MetricsTest, AreServedAsText) {
  auto peer = get("/metrics");
  EXPECT_EQ(peer->status(), 200);
  EXPECT_EQ(peer->body().substr(0, 7), "# HELP ");
}

}  // namespace
}  // namespace tailrace::admin
