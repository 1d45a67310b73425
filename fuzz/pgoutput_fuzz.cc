// Arbitrary bytes as a sequence of pgoutput messages: two bytes of length, then the message. The
// first byte says how much memory open transactions may take, so that they spill as well.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "base/byte_reader.h"
#include "base/check.h"
#include "pgoutput/assembler.h"
#include "pgoutput/testing/memory_directory.h"

namespace {

using namespace tailrace;  // NOLINT: the whole file is about one class of it

// Touches every byte that it is given and holds the Assembler to its promises.
class CheckingSink final : public pgoutput::TransactionSink {
 public:
  Result<const Table*> relation(const pgoutput::Relation& relation) override {
    auto& table = tables_[relation.oid];
    table = std::make_unique<Table>();
    table->columns.resize(relation.columns.size());
    if (relation.oid % 5 == 0) return static_cast<const Table*>(nullptr);
    return static_cast<const Table*>(table.get());
  }

  Result<bool> begin(const Transaction& transaction) override {
    TAILRACE_CHECK(!inside_);
    inside_ = transaction.xid % 7 != 0;
    ordinal_ = 0;
    return inside_;
  }

  Result<void> change(const Transaction&, const Change& change) override {
    TAILRACE_CHECK(inside_ && change.ordinal > ordinal_);
    ordinal_ = change.ordinal;
    for (Row row : {change.before, change.after}) {
      TAILRACE_CHECK(row.empty() || row.size() == change.table->columns.size());
      for (const Value& value : row)
        for (char byte : value.bytes) sum_ = sum_ + static_cast<unsigned char>(byte);
    }
    return {};
  }

  Result<void> commit(const Transaction* transaction, Lsn) override {
    TAILRACE_CHECK(inside_ == (transaction != nullptr));
    inside_ = false;
    return {};
  }

  void forget() { inside_ = false; }

 private:
  std::map<std::uint32_t, std::unique_ptr<Table>> tables_;
  bool inside_ = false;
  std::uint64_t ordinal_ = 0;
  volatile unsigned sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader bytes(std::string_view(reinterpret_cast<const char*>(data), size));
  CheckingSink sink;
  pgoutput::testing::MemoryDirectory spill;
  auto made =
      pgoutput::Assembler::make(sink, spill, {.memory_bytes_max = bytes.be<std::uint8_t>() * 16u});
  TAILRACE_CHECK(made.has_value());
  auto& assembler = **made;
  while (!bytes.at_end()) {
    std::size_t length = bytes.be<std::uint16_t>();
    auto message = bytes.bytes(length < bytes.left() ? length : bytes.left());
    if (auto fed = assembler.feed(message); fed) continue;
    TAILRACE_CHECK(assembler.reset().has_value());
    TAILRACE_CHECK(spill.files.empty() && assembler.between_transactions());
    sink.forget();
  }
  return 0;
}
