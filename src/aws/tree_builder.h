#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "aws/value.h"

namespace tailrace::aws {

// A document's bytes and the arena of its tree. Has one address for life, unlike the Document.
class Document::Storage {
 public:
  explicit Storage(std::string taken) : body(std::move(taken)) {}

  std::string body;
  // As much as most requests take.
  alignas(std::max_align_t) std::array<std::byte, 512> room;
  std::pmr::monotonic_buffer_resource arena{room.data(), room.size()};
};

// What both readers build with: it counts values, and gathers the items of a list or map whose
// length is not known yet before the arena gets them in one piece.
class TreeBuilder {
 public:
  TreeBuilder(Codec codec, std::string body);

  // The body at its final address.
  std::string& body() { return document_.storage_->body; }

  // Call for each value before it is read; false when the document goes beyond the limits.
  bool may_add(unsigned depth) {
    return depth <= Document::depth_max && ++values_ <= Document::values_max;
  }

  // What was pushed since the mark becomes a list or map.
  std::size_t list_mark() const { return items_.size(); }
  void push(Value item) { items_.push_back(item); }
  Value list_since(std::size_t mark);
  std::size_t map_mark() const { return members_.size(); }
  void push(Member member) { members_.push_back(member); }
  Value map_since(std::size_t mark);

  // A copy in the arena.
  std::string_view keep(std::string_view text);

  Document take(Value root) &&;

 private:
  Document document_;
  std::size_t values_ = 0;
  std::vector<Value> items_;
  std::vector<Member> members_;
};

// Fault::invalid, as read_document() says.
Result<Document> read_json(std::string body);
Result<Document> read_cbor(std::string body);

}  // namespace tailrace::aws
