#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tailrace::aws {

// How a request and its answer are written: application/x-amz-json-1.1 or x-amz-cbor-1.1.
enum class Codec : std::uint8_t { json, cbor };

struct Member;

// One value of a request, the same whichever codec it came in. Two words, cheap to copy: texts,
// bytes, items and members lie in the Document, which must outlive it.
//
// A reader gives what the bytes say. check() of shape.h then settles the types that the codecs
// write differently: a blob becomes bytes (JSON has base64 text), a timestamp milliseconds (JSON
// has seconds, CBOR tag 1 milliseconds), an integer an integer of 32 bits. Behind the door, an
// operation sees checked values only: what is there has the type of its shape.
class Value {
 public:
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,
    real,
    text,
    bytes,
    timestamp,
    list,
    map
  };

  constexpr Value() = default;
  static Value of(bool flag);
  static Value of(std::int64_t number);
  static Value of(double number);
  static Value text_of(std::string_view text);
  static Value bytes_of(std::string_view bytes);
  static Value timestamp_of(std::int64_t epoch_millis);
  static Value list_of(std::span<Value> items);
  static Value map_of(std::span<Member> members);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  explicit operator bool() const { return !is_null(); }

  // Each gives nothing (false, 0, an empty view) when the value is of another kind.
  bool boolean() const { return kind_ == Kind::boolean && integer_ != 0; }
  std::int64_t integer() const { return kind_ == Kind::integer ? integer_ : 0; }
  double real() const { return kind_ == Kind::real ? real_ : 0; }
  std::string_view text() const { return kind_ == Kind::text ? view() : std::string_view{}; }
  std::string_view bytes() const { return kind_ == Kind::bytes ? view() : std::string_view{}; }
  std::int64_t epoch_millis() const { return kind_ == Kind::timestamp ? integer_ : 0; }
  std::span<const Value> items() const;
  std::span<const Member> members() const;

  // A map's member, of two with one name the last; null when there is none.
  const Value& operator[](std::string_view name) const;

  // What an optional member says, or its default.
  std::int64_t integer_or(std::int64_t value) const { return is_null() ? value : integer(); }
  bool boolean_or(bool value) const { return is_null() ? value : boolean(); }

  // For check(), which settles values in place.
  std::span<Value> items();
  std::span<Member> members();

 private:
  Value(Kind kind, std::size_t size) : kind_(kind), size_(static_cast<std::uint32_t>(size)) {}
  std::string_view view() const { return {bytes_, size_}; }

  Kind kind_ = Kind::null;
  std::uint32_t size_ = 0;
  union {
    std::int64_t integer_ = 0;
    double real_;
    const char* bytes_;
    Value* items_;
    Member* members_;
  };
};

struct Member {
  std::string_view name;
  Value value;
};

// A request's body and the tree that was read from it. Texts and blobs stay where they are in the
// body unless an escape or a chunked form makes them be put together.
class Document {
 public:
  // An empty body's: a map without members.
  explicit Document(Codec codec);
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Codec codec() const { return codec_; }

  // Always a map.
  const Value& root() const { return root_; }
  Value& root() { return root_; }

  // The limits of both readers. No request that Kinesis serves comes near them: 500 records are
  // about 2,000 values. A value takes 32 bytes at most, so a hostile body costs little beyond
  // itself.
  static constexpr std::size_t values_max = 100'000;
  static constexpr unsigned depth_max = 64;

  class Storage;

 private:
  friend class TreeBuilder;
  Codec codec_;
  std::unique_ptr<Storage> storage_;
  Value root_;
};

// Fault::invalid when the body is no whole, well-formed document of that codec, when its root is
// no map, or when it goes beyond the limits. The document takes the body over.
Result<Document> read_document(Codec codec, std::string body);

}  // namespace tailrace::aws
