#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pgoutput/assembler.h"

namespace tailrace::pgoutput::testing {

inline std::string show(Row row) {
  std::string text = "(";
  for (const Value& value : row) {
    if (text.size() > 1) text += ",";
    switch (value.state) {
      case Value::State::null:
        text += "null";
        break;
      case Value::State::text:
        text += "'" + std::string(value.bytes) + "'";
        break;
      case Value::State::unchanged:
        text += "unchanged";
        break;
      case Value::State::absent:
        text += "absent";
        break;
    }
  }
  return text + ")";
}

// Writes down each call as a line of text.
class RecordingSink final : public TransactionSink {
 public:
  std::vector<std::string> calls;
  std::set<std::string> unwanted;          // relations by name
  std::set<std::uint32_t> already_in_log;  // transactions by xid
  std::function<Result<void>(const Change&)> on_change = [](const Change&) {
    return Result<void>();
  };

  Result<const Table*> relation(const Relation& relation) override {
    std::string call = "relation " + relation.schema + "." + relation.name + " ";
    call += relation.replica_identity;
    auto table = std::make_unique<Table>();
    table->oid = relation.oid;
    table->schema = relation.schema;
    table->name = relation.name;
    for (const RelationColumn& column : relation.columns) {
      call += " " + column.name + ":" + std::to_string(column.type_oid) + column.user_type;
      if (column.in_identity) call += "*";
      table->columns.push_back({.name = column.name, .type_name = ""});
    }
    calls.push_back(call);
    if (unwanted.contains(relation.name)) return static_cast<const Table*>(nullptr);
    auto& kept = tables_[relation.oid];
    kept = std::move(table);
    return static_cast<const Table*>(kept.get());
  }

  Result<bool> begin(const Transaction& transaction) override {
    calls.push_back("begin " + show_transaction(transaction));
    return !already_in_log.contains(transaction.xid);
  }

  Result<void> change(const Transaction& transaction, const Change& change) override {
    static constexpr const char* names[] = {"load", "insert", "update", "remove", "truncate"};
    std::string call = std::to_string(transaction.xid) + "#" + std::to_string(change.ordinal) +
                       " " + names[static_cast<int>(change.operation)] + " " + change.table->name;
    if (!change.before.empty()) call += " before" + show(change.before);
    if (!change.after.empty()) call += " after" + show(change.after);
    calls.push_back(call);
    return on_change(change);
  }

  Result<void> commit(const Transaction* transaction, Lsn end) override {
    calls.push_back("commit " +
                    (transaction == nullptr ? "nothing" : show_transaction(*transaction)) +
                    " end " + to_string(end));
    return {};
  }

 private:
  static std::string show_transaction(const Transaction& transaction) {
    return std::to_string(transaction.xid) + " at " + to_string(transaction.commit) + " time " +
           std::to_string(transaction.commit_time.time_since_epoch().count());
  }

  std::map<std::uint32_t, std::unique_ptr<Table>> tables_;
};

}  // namespace tailrace::pgoutput::testing
