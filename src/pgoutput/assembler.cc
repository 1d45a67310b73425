#include "pgoutput/assembler.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "pgoutput/message.h"
#include "pgoutput/open_transactions.h"

namespace tailrace::pgoutput {
namespace {

Error corrupt(std::string what) { return {Fault::corrupt, "pgoutput: " + std::move(what)}; }
Error malformed(char type) { return corrupt(std::string("malformed message '") + type + "'"); }
Error misplaced(char type, std::string_view where) {
  return corrupt(std::string("message '") + type + "' " + std::string(where));
}

// A relation as one part of the stream knows it.
struct KnownRelation {
  Relation relation;
  std::uint64_t version = 0;   // equal versions are equal relations
  std::uint64_t received = 0;  // counts Relation messages, to tell the newer of two
};
using KnownRelations = std::unordered_map<std::uint32_t, KnownRelation>;
using TypeNames = std::unordered_map<std::uint32_t, std::string>;

class StreamAssembler final : public Assembler {
 public:
  StreamAssembler(TransactionSink& sink, Directory& spill, Options options)
      : sink_(sink), open_(spill, options.memory_bytes_max) {}

  Result<void> start() { return open_.clear_leftovers(); }

  Result<void> feed(std::string_view message) override {
    if (message.empty()) return corrupt("empty message");
    char type = message[0];
    ByteReader bytes(message.substr(1));
    switch (place_) {
      case Place::between:
        return feed_between(type, bytes);
      case Place::transaction:
        return feed_in_transaction(type, bytes);
      case Place::block:
        return feed_in_block(type, bytes);
    }
    __builtin_unreachable();
  }

  bool between_transactions() const override { return place_ == Place::between; }

  Result<void> reset() override {
    place_ = Place::between;
    replaying_ = false;
    last_ = {};
    relations_.clear();
    replayed_relations_.clear();
    types_.clear();
    replayed_types_.clear();
    announced_.clear();
    received_in_.clear();
    return open_.remove_all();
  }

  Statistics statistics() const override {
    return {.open_transactions = open_.count(),
            .spilled_bytes = open_.spilled_bytes(),
            .spilled_transactions = open_.spilled_transactions(),
            .memory_bytes = open_.memory_bytes()};
  }

 private:
  enum class Place { between, transaction, block };
  // Whether the sink takes the transaction. It is asked at the first change that it may want.
  enum class Taken { not_asked, yes, no };

  struct Announced {
    Relation relation;
    std::uint64_t version = 0;
    const Table* table = nullptr;
  };

  Result<void> feed_between(char type, ByteReader bytes) {
    switch (type) {
      case 'B':
        return begin(bytes);
      case 'S':
        return start_block(bytes);
      case 'c':
        return commit_streamed(bytes);
      case 'A':
        return abort_streamed(bytes);
      case 'I':
      case 'U':
      case 'D':
      case 'T':
      case 'C':
        return misplaced(type, "outside of a transaction");
      default:
        return feed_anywhere(type, bytes);
    }
  }

  Result<void> feed_in_transaction(char type, ByteReader bytes) {
    switch (type) {
      case 'I':
      case 'U':
      case 'D':
      case 'T':
        return apply_change(type, bytes);
      case 'C':
        return commit(bytes);
      case 'B':
      case 'S':
      case 'c':
      case 'A':
        return misplaced(type, "inside of a transaction");
      default:
        return feed_anywhere(type, bytes);
    }
  }

  Result<void> feed_anywhere(char type, ByteReader bytes) {
    switch (type) {
      case 'R':
        return learn_relation(bytes, ++received_);
      case 'Y':
        return learn_type(bytes);
      case 'O':
        return is_origin(bytes) ? Result<void>() : malformed(type);
      case 'M':
        return is_logical_message(bytes) ? Result<void>() : malformed(type);
      case 'E':
        return misplaced(type, "outside of a streamed block");
      case 'b':
      case 'P':
      case 'K':
      case 'r':
      case 'p':
        return corrupt(std::string("message '") + type +
                       "' of a two-phase commit, which was not asked for: was the slot created "
                       "with TWO_PHASE?");
      default:
        return corrupt("unknown message type " + std::to_string(static_cast<unsigned char>(type)));
    }
  }

  Result<void> feed_in_block(char type, ByteReader bytes) {
    switch (type) {
      case 'E':
        if (!bytes.at_end()) return malformed(type);
        place_ = Place::between;
        return {};
      case 'O':
        return is_origin(bytes) ? Result<void>() : malformed(type);
      case 'R':
      case 'Y':
      case 'I':
      case 'U':
      case 'D':
      case 'T':
      case 'M':
        break;
      default:
        return misplaced(type, "inside of a streamed block");
    }
    auto subxid = bytes.be<std::uint32_t>();
    if (!bytes.ok()) return malformed(type);
    if (type == 'M') return is_logical_message(bytes) ? Result<void>() : malformed(type);
    if (type == 'R') {
      auto relation = read_relation(bytes);
      if (!relation) return malformed(type);
      received_in_[block_xid_][relation->oid] = ++received_;
    }
    return open_.append(block_xid_, subxid, type, bytes.bytes(bytes.left()));
  }

  // Plain transactions.

  Result<void> begin(ByteReader bytes) {
    auto begin = read_begin(bytes);
    if (!begin) return malformed('B');
    enter({.xid = begin->xid, .commit = begin->commit, .commit_time = begin->time});
    return {};
  }

  Result<void> commit(ByteReader bytes) {
    auto commit = read_commit(bytes);
    if (!commit) return malformed('C');
    if (commit->commit != transaction_.commit)
      return corrupt("Commit at " + to_string(commit->commit) +
                     " ends the transaction that began for " + to_string(transaction_.commit));
    return leave(commit->end);
  }

  void enter(const Transaction& transaction) {
    transaction_ = transaction;
    ordinal_ = 0;
    taken_ = Taken::not_asked;
    place_ = Place::transaction;
  }

  Result<void> leave(Lsn end) {
    place_ = Place::between;
    return sink_.commit(taken_ == Taken::yes ? &transaction_ : nullptr, end);
  }

  // Streamed transactions.

  Result<void> start_block(ByteReader bytes) {
    auto start = read_stream_start(bytes);
    if (!start) return malformed('S');
    if (start->first_block == open_.knows(start->xid))
      return corrupt("streamed transaction " + std::to_string(start->xid) +
                     (start->first_block ? " starts a second time" : " goes on without a start"));
    if (start->first_block) open_.start(start->xid);
    block_xid_ = start->xid;
    place_ = Place::block;
    return {};
  }

  Result<void> abort_streamed(ByteReader bytes) {
    auto abort = read_stream_abort(bytes);
    if (!abort) return malformed('A');
    // Of a transaction that is not here there is nothing to drop.
    if (!open_.knows(abort->xid)) return {};
    if (abort->subxid == abort->xid) return forget_streamed(abort->xid);
    open_.abort_subtransaction(abort->xid, abort->subxid);
    return {};
  }

  Result<void> commit_streamed(ByteReader bytes) {
    auto streamed = read_stream_commit(bytes);
    if (!streamed) return malformed('c');
    if (!open_.knows(streamed->xid))
      return corrupt("Stream Commit of transaction " + std::to_string(streamed->xid) +
                     ", which never started");
    enter({.xid = streamed->xid,
           .commit = streamed->commit.commit,
           .commit_time = streamed->commit.time});
    if (auto replayed = replay(streamed->xid); !replayed)
      return std::move(replayed).error().during("replay transaction " +
                                                std::to_string(streamed->xid));
    if (auto forgotten = forget_streamed(streamed->xid); !forgotten) return forgotten;
    return leave(streamed->commit.end);
  }

  Result<void> replay(std::uint32_t xid) {
    const auto& received = received_in_[xid];
    replaying_ = true;
    last_ = {};
    auto replayed = open_.replay(xid, [&](std::string_view message) -> Result<void> {
      ByteReader bytes(message.substr(1));
      switch (message[0]) {
        case 'R': {
          auto oid = ByteReader(bytes).be<std::uint32_t>();
          auto found = received.find(oid);
          return learn_relation(bytes, found == received.end() ? 0 : found->second);
        }
        case 'Y':
          return learn_type(bytes);
        default:
          return apply_change(message[0], bytes);
      }
    });
    replaying_ = false;
    last_ = {};
    if (!replayed) return replayed;
    // From the commit on the server takes it that we know these relations. One that it sent later
    // outside of this transaction is the newer one.
    for (auto& [oid, known] : replayed_relations_) {
      auto [found, is_new] = relations_.try_emplace(oid);
      if (is_new || found->second.received < known.received) found->second = std::move(known);
    }
    replayed_relations_.clear();
    // Types are sent again before each relation that uses them.
    replayed_types_.clear();
    return {};
  }

  Result<void> forget_streamed(std::uint32_t xid) {
    received_in_.erase(xid);
    return open_.remove(xid);
  }

  // Relations.

  Result<void> learn_type(ByteReader bytes) {
    auto type = read_type(bytes);
    if (!type) return malformed('Y');
    (replaying_ ? replayed_types_ : types_)[type->oid] = std::move(type->name);
    return {};
  }

  Result<void> learn_relation(ByteReader bytes, std::uint64_t received) {
    auto relation = read_relation(bytes);
    if (!relation) return malformed('R');
    for (RelationColumn& column : relation->columns) column.user_type = type_name(column.type_oid);
    auto& known = (replaying_ ? replayed_relations_ : relations_)[relation->oid];
    known.version = version_of(*relation, known);
    known.received = received;
    known.relation = std::move(*relation);
    last_ = {};
    return {};
  }

  std::string type_name(std::uint32_t oid) const {
    if (replaying_)
      if (auto found = replayed_types_.find(oid); found != replayed_types_.end())
        return found->second;
    auto found = types_.find(oid);
    return found == types_.end() ? std::string() : found->second;
  }

  std::uint64_t version_of(const Relation& relation, const KnownRelation& known) {
    auto announced = announced_.find(relation.oid);
    if (announced != announced_.end() && announced->second.relation == relation)
      return announced->second.version;
    if (known.version != 0 && known.relation == relation) return known.version;
    return ++last_version_;
  }

  const KnownRelation* find_relation(std::uint32_t oid) const {
    if (replaying_)
      if (auto found = replayed_relations_.find(oid); found != replayed_relations_.end())
        return &found->second;
    auto found = relations_.find(oid);
    return found == relations_.end() ? nullptr : &found->second;
  }

  // Makes `last_` the relation of the next row; the sink hears of it when it does not know it so.
  Result<void> use_relation(std::uint32_t oid) {
    if (last_.relation != nullptr && last_.relation->oid == oid) return {};
    last_ = {};
    const KnownRelation* known = find_relation(oid);
    if (known == nullptr)
      return corrupt("a row of relation " + std::to_string(oid) + ", which was not described");
    Announced& announced = announced_[oid];
    if (announced.version != known->version) {
      // Unknown until the sink has answered, should it fail.
      announced.version = 0;
      auto table = sink_.relation(known->relation);
      if (!table) return std::move(table).error();
      TAILRACE_CHECK(*table == nullptr ||
                     (*table)->columns.size() == known->relation.columns.size());
      announced = {known->relation, known->version, *table};
    }
    last_ = {&known->relation, announced.table};
    return {};
  }

  // Changes.

  Result<void> apply_change(char type, ByteReader bytes) {
    if (taken_ == Taken::no) return {};
    if (type == 'T') return truncate(bytes);
    auto oid = bytes.be<std::uint32_t>();
    if (!bytes.ok()) return malformed(type);
    auto wanted = next_change(oid);
    if (!wanted) return std::move(wanted).error();
    if (!*wanted) return {};

    Change change;
    change.table = last_.table;
    change.ordinal = ordinal_;
    if (!read_images(type, bytes, change)) return malformed(type);
    return sink_.change(transaction_, change);
  }

  Result<void> truncate(ByteReader bytes) {
    if (!read_truncate(bytes, truncated_)) return malformed('T');
    for (auto oid : truncated_) {
      auto wanted = next_change(oid);
      if (!wanted) return std::move(wanted).error();
      if (taken_ == Taken::no) return {};
      if (!*wanted) continue;
      Change change;
      change.operation = Operation::truncate;
      change.table = last_.table;
      change.ordinal = ordinal_;
      if (auto taken = sink_.change(transaction_, change); !taken) return taken;
    }
    return {};
  }

  // Counts a change, and whether the sink wants it.
  Result<bool> next_change(std::uint32_t oid) {
    ++ordinal_;
    if (auto used = use_relation(oid); !used) return std::move(used).error();
    if (last_.table == nullptr) return false;
    if (taken_ == Taken::not_asked) {
      auto taken = sink_.begin(transaction_);
      if (!taken) return std::move(taken).error();
      taken_ = *taken ? Taken::yes : Taken::no;
    }
    return taken_ == Taken::yes;
  }

  bool read_images(char type, ByteReader& bytes, Change& change) {
    std::size_t columns = last_.relation->columns.size();
    auto image = static_cast<char>(bytes.be<std::uint8_t>());
    bool has_before = type != 'I' && (image == 'K' || image == 'O');
    if (has_before) {
      if (!read_row(bytes, columns, before_)) return false;
      if (image == 'K') hide_all_but_the_key();
      change.before = before_;
      if (type == 'U') image = static_cast<char>(bytes.be<std::uint8_t>());
    }
    if (type == 'D') {
      change.operation = Operation::remove;
      return has_before && bytes.at_end();
    }
    change.operation = type == 'I' ? Operation::insert : Operation::update;
    if (image != 'N' || !read_row(bytes, columns, after_) || !bytes.at_end()) return false;
    if (has_before) fill_unchanged();
    change.after = after_;
    return true;
  }

  // A key-only image says null for all the columns that it does not show.
  void hide_all_but_the_key() {
    for (std::size_t i = 0; i < before_.size(); ++i)
      if (!last_.relation->columns[i].in_identity)
        before_[i] = {.state = Value::State::absent, .bytes = {}};
  }

  void fill_unchanged() {
    for (std::size_t i = 0; i < after_.size(); ++i)
      if (after_[i].state == Value::State::unchanged && before_[i].state == Value::State::text)
        after_[i] = before_[i];
  }

  TransactionSink& sink_;
  Place place_ = Place::between;

  // The transaction that is handed to the sink now.
  Transaction transaction_;
  Taken taken_ = Taken::not_asked;
  std::uint64_t ordinal_ = 0;
  std::vector<Value> before_, after_;
  std::vector<std::uint32_t> truncated_;

  // What the server told of relations and types, and beside it what the streamed transaction that
  // is being replayed brought along.
  KnownRelations relations_, replayed_relations_;
  TypeNames types_, replayed_types_;
  bool replaying_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t last_version_ = 0;

  // What the sink knows, and the relation of the last row, which is mostly that of the next.
  std::unordered_map<std::uint32_t, Announced> announced_;
  struct {
    const Relation* relation = nullptr;
    const Table* table = nullptr;
  } last_;

  OpenTransactions open_;
  std::uint32_t block_xid_ = 0;
  // By transaction and relation, the number of its last Relation message.
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint32_t, std::uint64_t>> received_in_;
};

}  // namespace

Result<std::unique_ptr<Assembler>> Assembler::make(TransactionSink& sink, Directory& spill,
                                                   Options options) {
  auto assembler = std::make_unique<StreamAssembler>(sink, spill, options);
  if (auto started = assembler->start(); !started)
    return std::move(started).error().during("clear " + spill.path());
  return std::unique_ptr<Assembler>(std::move(assembler));
}

}  // namespace tailrace::pgoutput
