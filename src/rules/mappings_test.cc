#include "rules/mappings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tailrace::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string rule(int id, const std::string& action, const std::string& schema,
                 const std::string& table, const std::string& more = "") {
  std::string number = std::to_string(id);
  return R"({"rule-type":"selection","rule-id":")" + number + R"(","rule-name":"r)" + number +
         R"(","object-locator":{"schema-name":")" + schema + R"(","table-name":")" + table +
         R"("},"rule-action":")" + action + "\"" + more + "}";
}

std::string document(const std::vector<std::string>& rules) {
  std::string text;
  for (const std::string& one : rules) text += (text.empty() ? "" : ",") + one;
  return R"({"rules":[)" + text + "]}";
}

Mappings parsed(const std::vector<std::string>& rules) {
  auto mappings = Mappings::parse(document(rules));
  if (!mappings) throw std::runtime_error(mappings.error().message);
  return *std::move(mappings);
}

std::string problems_of(const std::string& json) {
  auto mappings = Mappings::parse(json);
  if (mappings) return "";
  EXPECT_EQ(mappings.error().fault, Fault::invalid);
  return mappings.error().message;
}

}  // namespace

TEST(Mappings, SelectWhatAnIncludeMatches) {
  Mappings mappings = parsed({rule(1, "include", "shop", "order%")});
  EXPECT_TRUE(mappings.selects("shop", "orders"));
  EXPECT_TRUE(mappings.selects("shop", "order_items"));
  EXPECT_FALSE(mappings.selects("shop", "items"));
  EXPECT_FALSE(mappings.selects("Shop", "orders"));
  EXPECT_FALSE(mappings.selects("public", "orders"));
}

TEST(Mappings, AnExcludeBeatsAnIncludeInEitherOrder) {
  for (bool exclude_first : {true, false}) {
    std::string exclude = rule(1, "exclude", "shop", "%[_]tmp");
    std::string include = rule(2, "include", "shop", "%");
    Mappings mappings = exclude_first ? parsed({exclude, include}) : parsed({include, exclude});
    EXPECT_TRUE(mappings.selects("shop", "orders"));
    EXPECT_TRUE(mappings.selects("shop", "ordersXtmp"));
    EXPECT_FALSE(mappings.selects("shop", "orders_tmp"));
  }
}

TEST(Mappings, ExplicitNamesOneTableAndHasNoWildcards) {
  Mappings mappings = parsed({rule(1, "explicit", "shop", "order_items")});
  EXPECT_TRUE(mappings.selects("shop", "order_items"));
  EXPECT_FALSE(mappings.selects("shop", "orderXitems"));
  EXPECT_THAT(mappings.exact_tables(), ElementsAre(Pair("shop", "order_items")));
}

TEST(Mappings, TheLargestLoadOrderOfTheMatchingRulesCounts) {
  Mappings mappings = parsed({rule(1, "include", "shop", "%", R"(,"load-order":2)"),
                              rule(2, "include", "shop", "orders", R"(,"load-order":"7")"),
                              rule(3, "include", "shop", "o%", R"(,"load-order":5)")});
  EXPECT_EQ(mappings.load_order("shop", "items"), 2u);
  EXPECT_EQ(mappings.load_order("shop", "orders"), 7u);
  EXPECT_EQ(mappings.load_order("other", "orders"), 0u);
}

TEST(Mappings, TablesNamedWithoutWildcardsAreListedOnce) {
  Mappings mappings =
      parsed({rule(1, "include", "shop", "orders"), rule(2, "explicit", "shop", "orders"),
              rule(3, "include", "shop", "order[_]items"), rule(4, "include", "%", "x"),
              rule(5, "include", "shop", "secret"), rule(6, "exclude", "shop", "secret")});
  EXPECT_THAT(mappings.exact_tables(),
              ElementsAre(Pair("shop", "orders"), Pair("shop", "order_items")));
}

TEST(Mappings, EverythingSelectsEveryTable) {
  Mappings mappings = Mappings::everything();
  EXPECT_TRUE(mappings.selects("any", "thing"));
  EXPECT_THAT(mappings.exact_tables(), IsEmpty());
  EXPECT_EQ(problems_of(mappings.json()), "");
}

TEST(Mappings, OnlySelectsTheTablesItWasGiven) {
  Mappings made = Mappings::only({"orders", "shop.order_items", "shop.100%", "shop.a.b"});
  auto reread = Mappings::parse(made.json());
  ASSERT_TRUE(reread) << reread.error().message;
  for (const Mappings& mappings : {made, *reread}) {
    EXPECT_TRUE(mappings.selects("public", "orders"));
    EXPECT_TRUE(mappings.selects("shop", "order_items"));
    EXPECT_FALSE(mappings.selects("shop", "orderXitems"));
    EXPECT_FALSE(mappings.selects("shop", "orders"));
    EXPECT_THAT(mappings.exact_tables(),
                ElementsAre(Pair("public", "orders"), Pair("shop", "order_items"),
                            Pair("shop", "100%"), Pair("shop", "a.b")));
  }
}

TEST(Mappings, KeepTheDocumentAsItWasGiven) {
  std::string json = "\n" + document({rule(1, "include", "%", "%")}) + "  \n";
  auto mappings = Mappings::parse(json);
  ASSERT_TRUE(mappings);
  EXPECT_EQ(mappings->json(), json);
}

TEST(Mappings, AcceptWhatTheConsoleOfDmsWrites) {
  EXPECT_EQ(
      problems_of(R"({"rules":[{"rule-type":"selection","rule-id":"121212","rule-name":"121212",
      "object-locator":{"schema-name":"public","table-name":"%","table-type":"table"},
      "rule-action":"include","filters":[]},
      {"rule-type":"selection","rule-id":2,"rule-name":"numbers as numbers",
      "object-locator":{"schema-name":"public","table-name":"x"},"rule-action":"exclude","filters":null}]})"),
      "");
}

TEST(Mappings, ASyntaxErrorNamesLineAndColumn) {
  EXPECT_THAT(problems_of("{\"rules\": [\n  {\"rule-type\" \"selection\"}\n]}"),
              HasSubstr("the table mappings are not JSON: line 2, column 26: "));
  EXPECT_THAT(problems_of(""), HasSubstr("line 1, column 1: "));
  EXPECT_THAT(problems_of("{\"rules\": [1e999]}"), HasSubstr("are not JSON: "));
  EXPECT_THAT(problems_of("{\"rules\": \"\xff\"}"), HasSubstr("line 1, column 12"));
}

TEST(Mappings, EveryProblemIsReportedAtOnce) {
  EXPECT_EQ(problems_of(R"({"rulez": [], "rules": [
      {"rule-type":"selektion","rule-id":"1","rule-name":"one"},
      {"rule-type":"selection","rule-id":"one","rule-name":7,"rule-action":"inclde",
       "object-locator":{"schema_name":"public","table-name":"a[b"}},
      {"rule-type":"selection","rule-id":1,"rule-name":"one","rule-action":"explicit",
       "object-locator":{"schema-name":"pub%","table-name":"","table-type":"view"}},
      {"rule-type":"transformation","rule-id":3,"rule-name":"three","rule-target":"column"},
      {"rule-type":"selection","rule-id":4,"rule-name":"","rule-action":"include","object-locator":[],
       "load-order":0,"colour":"red",
       "filters":[{"filter-type":"source","column-name":"id","filter-conditions":[]}]},
      "include",
      {"rule-name":"seven","rule-name":"seven"}
      ]})"),
            R"(rules[6].rule-name: is here twice; remove one of the two
rulez: unknown key; did you mean "rules"?
rules[0].rule-type: "selektion" is not one of selection, transformation, object-mapping, table-settings, validation, post-processing; did you mean "selection"?
rules[1].rule-id: "one" is not a rule id; it must be a whole number
rules[1].rule-name: is a number; it must be a string
rules[1].rule-action: "inclde" is not one of include, exclude, explicit; did you mean "include"?
rules[1].object-locator.schema_name: unknown key; did you mean "schema-name"?
rules[1].object-locator.schema-name: is missing; write a name, or % for all
rules[1].object-locator.table-name: "a[b" has a '[' without its ']'; write [[] for the character itself
rules[2].rule-id: 1 is the id of rules[0] too; give each rule a number of its own
rules[2].rule-name: "one" is the name of rules[0] too; give each rule a name of its own
rules[2].object-locator.schema-name: "pub%" has a wildcard, but an explicit rule takes exact names; use the rule-action include
rules[2].object-locator.table-name: is empty; write a name
rules[2].object-locator.table-type: "view" is not supported: views are not captured; write "table"
rules[3].rule-type: "transformation" rules are not supported yet; remove this rule (only "selection" rules are)
rules[4].rule-name: is empty; give the rule a name of its own
rules[4].colour: unknown key; remove it (known are rule-type, rule-id, rule-name, rule-action, object-locator, load-order, filters)
rules[4].object-locator: is an array; write {"schema-name": "public", "table-name": "%"}
rules[4].load-order: 0 is not a load order; it must be a whole number from 1 to 2147483647
rules[4].filters: source filters are not supported yet; remove them, and filter in the function
rules[5]: is a string; it must be an object
rules[6].rule-id: is missing; give the rule a number of its own
rules[6].rule-type: is missing; it must be one of selection, transformation, object-mapping, table-settings, validation, post-processing)");
}

TEST(Mappings, EveryOtherRuleTypeIsRefusedByName) {
  for (std::string type :
       {"transformation", "object-mapping", "table-settings", "validation", "post-processing"}) {
    std::string other = R"({"rule-type":")" + type + R"(","rule-id":"2","rule-name":"2"})";
    EXPECT_EQ(
        problems_of(document({rule(1, "include", "%", "%"), other})),
        "rules[1].rule-type: \"" + type +
            "\" rules are not supported yet; remove this rule (only \"selection\" rules are)");
  }
}

TEST(Mappings, ADocumentThatCapturesNothingIsRefused) {
  EXPECT_THAT(problems_of(R"({"rules":[]})"), HasSubstr("rules: nothing would be captured; add"));
  EXPECT_THAT(problems_of(document({rule(1, "exclude", "%", "%")})),
              HasSubstr("rules: nothing would be"));
  EXPECT_EQ(problems_of("{}"), "rules: is missing; list at least one selection rule there");
  EXPECT_EQ(problems_of(R"({"rules":{}})"), "rules: is an object; it must be an array of rules");
  EXPECT_THAT(problems_of("[]"), HasSubstr("the document is an array; it must be an object"));
}

TEST(Mappings, ALoadOrderOfAnExcludeIsRefused) {
  EXPECT_EQ(problems_of(document({rule(1, "include", "%", "%"),
                                  rule(2, "exclude", "%", "x", R"(,"load-order":3)")})),
            "rules[1].load-order: has no meaning with the rule-action exclude; remove it");
}

TEST(Mappings, WhatIsSaidOfBytesThatAreNoTextIsText) {
  EXPECT_THAT(problems_of("{\"rules\": \xc3\xa9}"), EndsWith("invalid literal"));
  EXPECT_THAT(problems_of("{\"rules\": \"\xe9\"}"),
              EndsWith("invalid string: ill-formed UTF-8 byte"));
}

TEST(Mappings, DeepNestingIsNoDanger) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const std::string refused = "the table mappings are nested deeper than 64 levels";
  EXPECT_EQ(problems_of(std::string(200000, '[')), refused);
  EXPECT_EQ(problems_of(R"({"rules":)" + deep + "}"), refused);
  EXPECT_EQ(problems_of(document({rule(1, "include", "%", "%", R"(,"load-order":)" + deep)})),
            refused);
}

TEST(Mappings, OfVeryManyProblemsTheFirstHundredAreShown) {
  std::string many = R"({"rules":[1)";
  for (int i = 1; i < 150; ++i) many += ",1";
  std::string said = problems_of(many + "]}");

  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 100);
  EXPECT_THAT(said, HasSubstr("rules[99]: is a number"));
  EXPECT_THAT(said, EndsWith("\n50 more problems are not shown; correct these first"));
}

TEST(Mappings, AnIncludeWithWildcardsThatMatchesNoTableIsNamed) {
  auto mappings = Mappings::parse(document({
      rule(1, "include", "shop", "ord%"),
      rule(2, "include", "shop", "itm%"),
      rule(3, "include", "%", "product"),
      rule(4, "include", "shop", "named"),
      rule(5, "exclude", "shop", "none%"),
      rule(6, "exclude", "shop", "order%"),
  }));
  ASSERT_TRUE(mappings) << mappings.error().message;
  // One that an exclude takes back is matched all the same, and a plain name is for exact_tables().
  EXPECT_EQ(mappings->includes_without_tables({{"shop", "orders"}, {"shop", "item"}}),
            (std::vector<std::string>{"shop.itm%", "%.product"}));
  EXPECT_EQ(
      mappings->includes_without_tables({{"shop", "ord"}, {"shop", "itm1"}, {"x", "product"}}),
      std::vector<std::string>{});
}

}  // namespace tailrace::rules
