#include "aws/shape.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/ascii_case.h"
#include "base/base64.h"

namespace tailrace::aws {
namespace {

using Kind = Value::Kind;
using Type = Shape::Type;

// AWS stops listing there.
constexpr std::size_t violations_max = 10;
// AWS gives values back whole; a message stays readable with the beginning of a long one.
constexpr std::size_t shown_bytes_max = 4096;

constexpr std::int64_t int32_min = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();

std::string shown(std::string_view text) {
  if (text.size() <= shown_bytes_max) return std::string(text);
  return std::string(text.substr(0, shown_bytes_max)) + "...";
}

// What AWS calls the type in its texts, article included.
std::string_view wanted_name(Type type) {
  switch (type) {
    case Type::text:
      return "an String";
    case Type::blob:
      return "a Blob";
    case Type::integer:
      return "an Integer";
    case Type::boolean:
      return "an Boolean";
    case Type::timestamp:
      return "milliseconds since epoch";
    case Type::list:
    case Type::map:
    case Type::structure:
      break;
  }
  return "";
}

std::string_view java_class(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "class java.lang.Boolean";
    case Kind::integer:
    case Kind::real:
      return "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
    case Kind::text:
      return "class java.lang.String";
    case Kind::bytes:
      return "class java.nio.HeapByteBuffer";
    case Kind::timestamp:
      return "class java.util.Date";
    case Kind::null:
    case Kind::list:
    case Kind::map:
      break;
  }
  return "";
}

// The first pass: each value gets the type of its shape. Each function gives the text of a
// SerializationException, or nothing.
class Settling {
 public:
  explicit Settling(Codec codec) : codec_(codec) {}

  std::optional<std::string> settle(Value& value, const Shape& shape) const {
    if (value.is_null()) return std::nullopt;
    switch (shape.type) {
      case Type::structure:
        return settle_structure(value, shape);
      case Type::map:
        return settle_map(value, shape);
      case Type::list:
        return settle_list(value, shape);
      default:
        break;
    }
    if (value.kind() == Kind::list) return "Start of list found where not expected";
    if (value.kind() == Kind::map) return "Start of structure or map found where not expected.";
    switch (shape.type) {
      case Type::text:
        return value.kind() == Kind::text ? std::nullopt : mismatch(value, shape);
      case Type::blob:
        return settle_blob(value, shape);
      case Type::integer:
        return settle_integer(value, shape);
      case Type::boolean:
        return settle_boolean(value, shape);
      default:
        return settle_timestamp(value, shape);
    }
  }

 private:
  static std::optional<std::string> mismatch(const Value& value, const Shape& shape) {
    return std::string(java_class(value.kind())) + " can not be converted to " +
           std::string(wanted_name(shape.type));
  }

  std::optional<std::string> settle_structure(Value& value, const Shape& shape) const {
    if (value.kind() == Kind::list) return "Start of list found where not expected";
    if (value.kind() != Kind::map) return "Expected null";
    for (const Field& field : shape.fields)
      for (Member& member : value.members())
        if (member.name == field.name)
          if (auto wrong = settle(member.value, *field.shape)) return wrong;
    return std::nullopt;
  }

  std::optional<std::string> settle_map(Value& value, const Shape& shape) const {
    if (value.kind() == Kind::list) return "Start of list found where not expected";
    if (value.kind() != Kind::map) return "Expected map or null";
    for (Member& member : value.members())
      if (auto wrong = settle(member.value, *shape.element)) return wrong;
    return std::nullopt;
  }

  std::optional<std::string> settle_list(Value& value, const Shape& shape) const {
    if (value.kind() == Kind::map) return "Start of structure or map found where not expected.";
    if (value.kind() != Kind::list) return "Expected list or null";
    for (Value& item : value.items())
      if (auto wrong = settle(item, *shape.element)) return wrong;
    return std::nullopt;
  }

  // The text of base64 is longer than what it stands for, so the bytes go to where it was: the
  // document owns that place, in its body or its arena. They go there in blocks that were decoded
  // elsewhere, so that the text of a refused one is still there to be shown.
  std::optional<std::string> settle_blob(Value& value, const Shape& shape) const {
    if (value.kind() == Kind::bytes) return std::nullopt;
    if (value.kind() != Kind::text || codec_ != Codec::json) return mismatch(value, shape);
    const std::string_view text = value.text();
    if (text.size() % 4 != 0)
      return not_a_blob(text,
                        "Base64 encoded length is expected a multiple of 4 bytes but found: " +
                            std::to_string(text.size()));
    char* const place = const_cast<char*>(text.data());
    std::size_t decoded = 0;
    for (std::size_t at = 0; at < text.size(); at += base64_block) {
      std::array<char, base64_block / 4 * 3> bytes;
      std::string_view block = text.substr(at, base64_block);
      auto count = decode_base64(block, bytes.data());
      bool last = at + block.size() == text.size();
      if (!count || (!last && *count != bytes.size()))
        return not_a_blob(base64({place, decoded}) + std::string(text.substr(at)),
                          why_no_base64(text.substr(at)));
      std::memcpy(place + decoded, bytes.data(), *count);
      decoded += *count;
    }
    value = Value::bytes_of({place, decoded});
    return std::nullopt;
  }

  static std::string not_a_blob(std::string_view text, const std::string& why) {
    return "'" + shown(text) + "' can not be converted to a Blob: " + why;
  }

  static std::string why_no_base64(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      auto c = static_cast<unsigned char>(text[at]);
      bool stray_pad = c == '=' && at + 1 < text.size() && text[at + 1] != '=';
      if (stray_pad || (c != '=' && c != '+' && c != '/' && (c >= 0x80 || !std::isalnum(c))))
        return std::string("Invalid Base64 character: '") + text[at] + "'";
    }
    // Spelt as AWS spells it.
    return "Invalid last non-pad Base64 character dectected";
  }

  static std::optional<std::string> settle_integer(Value& value, const Shape& shape) {
    if (value.kind() == Kind::integer) {
      value = Value::of(std::clamp(value.integer(), int32_min, int32_max));
      return std::nullopt;
    }
    if (value.kind() != Kind::real) return mismatch(value, shape);
    // A NaN, which CBOR can say, is no number to compare with.
    if (std::isnan(value.real())) return mismatch(value, shape);
    double whole = std::clamp(std::floor(value.real()), static_cast<double>(int32_min),
                              static_cast<double>(int32_max));
    value = Value::of(static_cast<std::int64_t>(whole));
    return std::nullopt;
  }

  // A word is told in upper case, as AWS tells it.
  static std::optional<std::string> settle_boolean(Value& value, const Shape& shape) {
    if (value.kind() == Kind::boolean) return std::nullopt;
    if (value.kind() != Kind::text) return mismatch(value, shape);
    std::string word = shown(value.text());
    for (char& c : word)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return "'" + word + "' can not be converted to an Boolean";
  }

  std::optional<std::string> settle_timestamp(Value& value, const Shape& shape) const {
    if (value.kind() == Kind::timestamp) return std::nullopt;
    if (value.kind() != Kind::integer && value.kind() != Kind::real) return mismatch(value, shape);
    double number =
        value.kind() == Kind::real ? value.real() : static_cast<double>(value.integer());
    double millis = std::round(codec_ == Codec::json ? number * 1000 : number);
    if (!(std::abs(millis) <= epoch_millis_max)) return mismatch(value, shape);
    value = Value::timestamp_of(static_cast<std::int64_t>(millis));
    return std::nullopt;
  }

  static constexpr std::size_t base64_block = 4096;
  // 2^53, up to which a double counts in ones: 285,000 years.
  static constexpr double epoch_millis_max = 9007199254740992.0;

  const Codec codec_;
};

// Where a value stands, from the outside in. Most are never told, so the text is made when one is.
struct Path {
  const Path* outer = nullptr;
  std::string_view name;   // of a field; empty for an item of a list
  std::size_t number = 0;  // of an item, from 1

  // "records.1.member.data"
  std::string text() const {
    std::string all = outer ? outer->text() : "";
    if (!all.empty()) all += '.';
    if (name.empty()) return all + std::to_string(number) + ".member";
    all += lower_case(name.front());
    return all += name.substr(1);
  }
};

// The second pass: values have their types, and are held against what else the shape says.
class Constraints {
 public:
  void check_fields(const Value& value, const Shape& shape, const Path* outer) {
    for (const Field& field : shape.fields)
      check(value[field.name], *field.shape, field.required, {outer, field.name});
  }

  // Nothing when all constraints hold.
  std::optional<Failure> failure() const {
    if (violations_.empty()) return std::nullopt;
    std::string message = std::to_string(violations_.size()) + " validation error" +
                          (violations_.size() > 1 ? "s" : "") + " detected: ";
    for (std::size_t i = 0; i < violations_.size(); ++i)
      message += (i == 0 ? "" : "; ") + violations_[i];
    return Failure{"ValidationException", message};
  }

 private:
  void check(const Value& value, const Shape& shape, bool required, const Path& path) {
    if (violations_.size() >= violations_max) return;
    if (value.is_null()) {
      if (required) add(value, path, "Member must not be null");
      return;
    }
    for (const std::string& rule : broken_rules(value, shape)) add(value, path, rule);
    switch (shape.type) {
      case Type::structure:
        return check_fields(value, shape, &path);
      case Type::list:
        return check_items(value, shape, path);
      case Type::map:
        return check_members(value, shape, path);
      default:
        return;
    }
  }

  // Structures in a list have paths of their own; of plain items the list is told as a whole.
  void check_items(const Value& list, const Shape& shape, const Path& path) {
    const Shape& element = *shape.element;
    std::size_t number = 0;
    for (const Value& item : list.items()) {
      ++number;
      if (element.type == Type::structure) {
        check(item, element, true, {&path, "", number});
      } else if (item.is_null() || !broken_rules(item, element).empty()) {
        return add(list, path, "Member must satisfy constraint: " + rules_of(element));
      }
      if (violations_.size() >= violations_max) return;
    }
  }

  void check_members(const Value& map, const Shape& shape, const Path& path) {
    auto breaks = [](const Value& value, const Shape& of) {
      return value.is_null() || !broken_rules(value, of).empty();
    };
    for (const Member& member : map.members())
      if (breaks(Value::text_of(member.name), *shape.key)) {
        add(map, path, "Map keys must satisfy constraint: " + rules_of(*shape.key));
        break;
      }
    for (const Member& member : map.members())
      if (breaks(member.value, *shape.element)) {
        add(map, path, "Map value must satisfy constraint: " + rules_of(*shape.element));
        break;
      }
  }

  static std::int64_t size_of(const Value& value) {
    switch (value.kind()) {
      case Kind::integer:
        return value.integer();
      case Kind::text:
        return characters(value.text());
      case Kind::bytes:
        return static_cast<std::int64_t>(value.bytes().size());
      case Kind::list:
        return static_cast<std::int64_t>(value.items().size());
      case Kind::map:
        return static_cast<std::int64_t>(value.members().size());
      default:
        return 0;
    }
  }

  static std::int64_t characters(std::string_view utf8) {
    return std::count_if(utf8.begin(), utf8.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  }

  static std::string measure(const Shape& shape) {
    return shape.type == Type::integer ? "Member must have value " : "Member must have length ";
  }
  static std::string at_most(const Shape& shape) {
    return measure(shape) + "less than or equal to " + std::to_string(shape.max);
  }
  static std::string at_least(const Shape& shape) {
    return measure(shape) + "greater than or equal to " + std::to_string(shape.min);
  }
  static std::string matching(const Shape& shape) {
    return "Member must satisfy regular expression pattern: " + std::string(shape.pattern->text);
  }
  static std::string one_of(const Shape& shape) {
    std::string rule = "Member must satisfy enum value set: [";
    for (std::size_t i = 0; i < shape.values.size(); ++i) {
      if (i > 0) rule += ", ";
      rule += shape.values[i];
    }
    return rule + "]";
  }

  static std::vector<std::string> broken_rules(const Value& value, const Shape& shape) {
    std::vector<std::string> broken;
    if (shape.pattern && !shape.pattern->matches(value.text())) broken.push_back(matching(shape));
    if (!shape.values.empty() &&
        std::find(shape.values.begin(), shape.values.end(), value.text()) == shape.values.end())
      broken.push_back(one_of(shape));
    if (shape.min == Shape::any && shape.max == Shape::any) return broken;
    std::int64_t size = size_of(value);
    if (shape.min != Shape::any && size < shape.min) broken.push_back(at_least(shape));
    if (shape.max != Shape::any && size > shape.max) broken.push_back(at_most(shape));
    return broken;
  }

  // All the rules of an element, as AWS lists them whichever is broken.
  static std::string rules_of(const Shape& shape) {
    std::vector<std::string> rules;
    if (shape.max != Shape::any) rules.push_back(at_most(shape));
    if (shape.min != Shape::any) rules.push_back(at_least(shape));
    if (shape.pattern) rules.push_back(matching(shape));
    if (!shape.values.empty()) rules.push_back(one_of(shape));
    std::string all = "[";
    for (std::size_t i = 0; i < rules.size(); ++i) all += (i == 0 ? "" : ", ") + rules[i];
    return all + "]";
  }

  static std::string text_of(const Value& value) {
    switch (value.kind()) {
      case Kind::null:
        return "null";
      case Kind::boolean:
        return value.boolean() ? "true" : "false";
      case Kind::integer:
        return std::to_string(value.integer());
      case Kind::timestamp:
        return std::to_string(value.epoch_millis());
      case Kind::real:
        break;  // check() settles every real
      case Kind::text:
        return shown(value.text());
      case Kind::bytes: {
        std::string size = std::to_string(value.bytes().size());
        return "java.nio.HeapByteBuffer[pos=0 lim=" + size + " cap=" + size + "]";
      }
      case Kind::list: {
        std::string all = "[";
        for (const Value& item : value.items()) {
          if (all.size() > 1) all += ", ";
          all += item.kind() == Kind::map ? "{...}" : text_of(item);
          if (all.size() > shown_bytes_max) break;
        }
        return shown(all + "]");
      }
      case Kind::map: {
        std::string all = "{";
        for (const Member& member : value.members()) {
          if (all.size() > 1) all += ", ";
          all += std::string(member.name) + "=" + text_of(member.value);
          if (all.size() > shown_bytes_max) break;
        }
        return shown(all + "}");
      }
    }
    return "";
  }

  void add(const Value& value, const Path& path, const std::string& rule) {
    if (violations_.size() >= violations_max) return;
    std::string text = text_of(value);
    if (!value.is_null()) text = "'" + text + "'";
    violations_.push_back("Value " + text + " at '" + path.text() +
                          "' failed to satisfy constraint: " + rule);
  }

  std::vector<std::string> violations_;
};

}  // namespace

std::optional<Failure> check(Document& document, const Shape& shape) {
  if (auto wrong = Settling(document.codec()).settle(document.root(), shape))
    return Failure{"SerializationException", *wrong};
  Constraints constraints;
  constraints.check_fields(document.root(), shape, nullptr);
  return constraints.failure();
}

}  // namespace tailrace::aws
