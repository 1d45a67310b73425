#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "aws/error.h"
#include "aws/value.h"

namespace tailrace::aws {

struct Field;

// What an operation takes, as the service's model says it, in tables that the compiler builds.
struct Shape {
  enum class Type : std::uint8_t { text, blob, integer, boolean, timestamp, list, map, structure };
  static constexpr std::int64_t any = std::numeric_limits<std::int64_t>::min();

  // A regular expression of the model and a function that holds a whole text against it.
  struct Pattern {
    std::string_view text;
    bool (*matches)(std::string_view);
  };

  Type type = Type::structure;
  // Of an integer its value; of a text its characters, of a blob its bytes, of a list or map its
  // elements.
  std::int64_t min = any;
  std::int64_t max = any;
  const Pattern* pattern = nullptr;
  std::span<const std::string_view> values = {};  // that a text may have; empty: any
  const Shape* key = nullptr;                     // of a map
  const Shape* element = nullptr;                 // of a list or map
  std::span<const Field> fields = {};             // of a structure
};

struct Field {
  std::string_view name;  // "StreamName"
  const Shape* shape = nullptr;
  bool required = false;
};

// Holds a request against its operation's shape, and settles its values as value.h says: base64 is
// decoded in place. Members that the shape does not have are ignored, and so are nulls.
//
// A value of the wrong type is a SerializationException; so is base64 that is not canonical.
// Otherwise all constraints that are broken make one ValidationException, which lists up to ten.
// The texts are those that AWS answers.
std::optional<Failure> check(Document& document, const Shape& shape);

}  // namespace tailrace::aws
