#include "aws/value.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aws/tree_builder.h"

namespace tailrace::aws {

Value Value::of(bool flag) {
  Value value(Kind::boolean, 0);
  value.integer_ = flag;
  return value;
}

Value Value::of(std::int64_t number) {
  Value value(Kind::integer, 0);
  value.integer_ = number;
  return value;
}

Value Value::of(double number) {
  Value value(Kind::real, 0);
  value.real_ = number;
  return value;
}

Value Value::text_of(std::string_view text) {
  Value value(Kind::text, text.size());
  value.bytes_ = text.data();
  return value;
}

Value Value::bytes_of(std::string_view bytes) {
  Value value(Kind::bytes, bytes.size());
  value.bytes_ = bytes.data();
  return value;
}

Value Value::timestamp_of(std::int64_t epoch_millis) {
  Value value(Kind::timestamp, 0);
  value.integer_ = epoch_millis;
  return value;
}

Value Value::list_of(std::span<Value> items) {
  Value value(Kind::list, items.size());
  value.items_ = items.data();
  return value;
}

Value Value::map_of(std::span<Member> members) {
  Value value(Kind::map, members.size());
  value.members_ = members.data();
  return value;
}

std::span<Value> Value::items() {
  return kind_ == Kind::list ? std::span<Value>(items_, size_) : std::span<Value>();
}

std::span<Member> Value::members() {
  return kind_ == Kind::map ? std::span<Member>(members_, size_) : std::span<Member>();
}

std::span<const Value> Value::items() const {
  return kind_ == Kind::list ? std::span<const Value>(items_, size_) : std::span<const Value>();
}

std::span<const Member> Value::members() const {
  return kind_ == Kind::map ? std::span<const Member>(members_, size_) : std::span<const Member>();
}

const Value& Value::operator[](std::string_view name) const {
  static constexpr Value none{};
  std::span<const Member> all = members();
  auto found = std::find_if(all.rbegin(), all.rend(),
                            [name](const Member& member) { return member.name == name; });
  return found == all.rend() ? none : found->value;
}

Document::Document(Codec codec) : codec_(codec), root_(Value::map_of({})) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

TreeBuilder::TreeBuilder(Codec codec, std::string body) : document_(codec) {
  document_.storage_ = std::make_unique<Document::Storage>(std::move(body));
  members_.reserve(8);
}

Value TreeBuilder::list_since(std::size_t mark) {
  std::size_t count = items_.size() - mark;
  if (count == 0) return Value::list_of({});
  auto* kept = static_cast<Value*>(
      document_.storage_->arena.allocate(count * sizeof(Value), alignof(Value)));
  std::uninitialized_copy_n(items_.begin() + static_cast<std::ptrdiff_t>(mark), count, kept);
  items_.resize(mark);
  return Value::list_of({kept, count});
}

Value TreeBuilder::map_since(std::size_t mark) {
  std::size_t count = members_.size() - mark;
  if (count == 0) return Value::map_of({});
  auto* kept = static_cast<Member*>(
      document_.storage_->arena.allocate(count * sizeof(Member), alignof(Member)));
  std::uninitialized_copy_n(members_.begin() + static_cast<std::ptrdiff_t>(mark), count, kept);
  members_.resize(mark);
  return Value::map_of({kept, count});
}

std::string_view TreeBuilder::keep(std::string_view text) {
  if (text.empty()) return {};
  auto* kept = static_cast<char*>(document_.storage_->arena.allocate(text.size(), 1));
  std::memcpy(kept, text.data(), text.size());
  return {kept, text.size()};
}

Document TreeBuilder::take(Value root) && {
  document_.root_ = root;
  return std::move(document_);
}

Result<Document> read_document(Codec codec, std::string body) {
  return codec == Codec::json ? read_json(std::move(body)) : read_cbor(std::move(body));
}

}  // namespace tailrace::aws
