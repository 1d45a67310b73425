#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aws/call.h"
#include "aws/kinesis/model.h"
#include "base/check.h"

namespace tailrace::aws {

// What an operation relies on: a value is absent or has the type of its shape.
inline void expect_settled(const Value& value, const Shape& shape) {
  using Kind = Value::Kind;
  if (value.is_null()) return;
  switch (shape.type) {
    case Shape::Type::text:
      TAILRACE_CHECK(value.kind() == Kind::text);
      break;
    case Shape::Type::blob:
      TAILRACE_CHECK(value.kind() == Kind::bytes);
      break;
    case Shape::Type::integer:
      TAILRACE_CHECK(value.kind() == Kind::integer);
      break;
    case Shape::Type::boolean:
      TAILRACE_CHECK(value.kind() == Kind::boolean);
      break;
    case Shape::Type::timestamp:
      TAILRACE_CHECK(value.kind() == Kind::timestamp);
      break;
    case Shape::Type::list:
      TAILRACE_CHECK(value.kind() == Kind::list);
      for (const Value& item : value.items()) expect_settled(item, *shape.element);
      break;
    case Shape::Type::map:
      TAILRACE_CHECK(value.kind() == Kind::map);
      for (const Member& member : value.members()) expect_settled(member.value, *shape.element);
      break;
    case Shape::Type::structure:
      TAILRACE_CHECK(value.kind() == Kind::map);
      for (const Field& field : shape.fields) {
        TAILRACE_CHECK(!field.required || value[field.name]);
        expect_settled(value[field.name], *field.shape);
      }
  }
}

// The first byte chooses an action, the rest is its body: it is refused with an answer that a
// client can read, or its values are what the action takes.
inline int fuzz_request(Codec codec, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Shape& shape = *kinesis::actions()[data[0] % kinesis::actions().size()].input;
  auto document =
      read_document(codec, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  if (!document) {
    TAILRACE_CHECK(document.error().fault == Fault::invalid);
    return 0;
  }
  auto failure = check(*document, shape);
  if (!failure) {
    expect_settled(document->root(), shape);
    return 0;
  }
  TAILRACE_CHECK(!failure->message.empty());
  auto answer = read_document(codec, failure_answer(codec, *failure, {}).body);
  TAILRACE_CHECK(answer && answer->root()["__type"].text() == failure->type);
  return 0;
}

}  // namespace tailrace::aws
