#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "aws/tree_builder.h"

namespace tailrace::aws {
namespace {

namespace ondemand = simdjson::ondemand;

// A parser keeps what it needed for its largest body. Those of ordinary requests stay for the next
// ones of the thread, those of large ones do not.
constexpr std::size_t kept_parser_bytes_max = 1u << 20;

Error malformed(std::string_view what) { return {Fault::invalid, "JSON: " + std::string(what)}; }

class JsonReader {
 public:
  JsonReader(TreeBuilder& tree, std::string_view body) : tree_(tree), body_(body) {}

  // The reasons of the parser go up as they are; our own limits are its DEPTH_ERROR and CAPACITY.
  simdjson::error_code read_root(ondemand::document& json, Value& out) {
    ondemand::value value;
    if (auto error = json.get_value().get(value)) return error;
    if (auto error = read(value, 0, out)) return error;
    // Behind the last value there is no place to stand on.
    bool at_end = json.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return at_end ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
  }

 private:
  simdjson::error_code read(ondemand::value value, unsigned depth, Value& out) {
    if (!tree_.may_add(depth))
      return depth > Document::depth_max ? simdjson::DEPTH_ERROR : simdjson::CAPACITY;
    ondemand::json_type type;
    if (auto error = value.type().get(type)) return error;
    switch (type) {
      case ondemand::json_type::object:
        return read_map(value, depth, out);
      case ondemand::json_type::array:
        return read_list(value, depth, out);
      case ondemand::json_type::string:
        return read_text(value, out);
      case ondemand::json_type::number:
        return read_number(value, out);
      case ondemand::json_type::boolean: {
        bool flag = false;
        auto error = value.get_bool().get(flag);
        out = Value::of(flag);
        return error;
      }
      case ondemand::json_type::null: {
        bool null = false;
        if (auto error = value.is_null().get(null)) return error;
        out = Value();
        return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
      }
    }
    return simdjson::TAPE_ERROR;
  }

  simdjson::error_code read_map(ondemand::value value, unsigned depth, Value& out) {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return error;
    std::size_t mark = tree_.map_mark();
    for (auto each : object) {
      ondemand::field field;
      if (auto error = std::move(each).get(field)) return error;
      Member member;
      if (auto error = read_name(field, member.name)) return error;
      if (auto error = read(field.value(), depth + 1, member.value)) return error;
      tree_.push(member);
    }
    out = tree_.map_since(mark);
    return simdjson::SUCCESS;
  }

  simdjson::error_code read_list(ondemand::value value, unsigned depth, Value& out) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return error;
    std::size_t mark = tree_.list_mark();
    for (auto each : array) {
      if (auto error = each.error()) return error;
      Value read_item;
      if (auto error = read(each.value_unsafe(), depth + 1, read_item)) return error;
      tree_.push(read_item);
    }
    out = tree_.list_since(mark);
    return simdjson::SUCCESS;
  }

  // Names are short: the quote that ends one is near.
  simdjson::error_code read_name(ondemand::field& field, std::string_view& out) {
    const char* start = field.key().raw();
    std::string_view rest = body_.substr(static_cast<std::size_t>(start - body_.data()));
    std::size_t end = rest.find_first_of("\"\\");
    if (end != std::string_view::npos && rest[end] == '"') {
      out = rest.substr(0, end);
      return simdjson::SUCCESS;
    }
    std::string_view unescaped;
    if (auto error = field.unescaped_key().get(unescaped)) return error;
    out = tree_.keep(unescaped);
    return simdjson::SUCCESS;
  }

  // A text without escapes is what stands between its quotes; the parser has already seen that it
  // is UTF-8 without control characters. One with escapes is put together in the arena.
  simdjson::error_code read_text(ondemand::value value, Value& out) {
    std::string_view token = value.raw_json_token();
    std::size_t end = token.rfind('"');
    if (end == 0 || end == std::string_view::npos) return simdjson::UNCLOSED_STRING;
    std::string_view text = token.substr(1, end - 1);
    if (text.find('\\') == std::string_view::npos) {
      ondemand::raw_json_string raw;
      if (auto error = value.get_raw_json_string().get(raw)) return error;
      out = Value::text_of(text);
      return simdjson::SUCCESS;
    }
    std::string_view unescaped;
    if (auto error = value.get_string().get(unescaped)) return error;
    out = Value::text_of(tree_.keep(unescaped));
    return simdjson::SUCCESS;
  }

  simdjson::error_code read_number(ondemand::value value, Value& out) {
    std::string_view token = value.raw_json_token();
    ondemand::number number;
    auto error = value.get_number().get(number);
    if (error) return read_long_number(token, error, out);
    switch (number.get_number_type()) {
      case ondemand::number_type::floating_point_number:
        out = Value::of(number.get_double());
        break;
      case ondemand::number_type::signed_integer:
        out = Value::of(number.get_int64());
        break;
      case ondemand::number_type::unsigned_integer:
        // Between 2^63 and 2^64.
        out = Value::of(static_cast<double>(number.get_uint64()));
        break;
    }
    return simdjson::SUCCESS;
  }

  // The parser refuses integers of more than 64 bits, which are JSON like any other.
  simdjson::error_code read_long_number(std::string_view token, simdjson::error_code error,
                                        Value& out) {
    std::size_t end = token.find_last_not_of(" \t\r\n");
    std::string_view digits = token.substr(0, end + 1);
    bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    if (digits.size() < 19 || digits.front() == '0' ||
        digits.find_first_not_of("0123456789") != std::string_view::npos)
      return error;
    double real = 0;
    auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), real);
    if (problem == std::errc::result_out_of_range) real = std::numeric_limits<double>::max();
    out = Value::of(negative ? -real : real);
    return simdjson::SUCCESS;
  }

  TreeBuilder& tree_;
  const std::string_view body_;
};

}  // namespace

Result<Document> read_json(std::string body) {
  const std::size_t bytes = body.size();
  // The parser reads in blocks, past the end.
  body.append(simdjson::SIMDJSON_PADDING, '\0');
  TreeBuilder tree(Codec::json, std::move(body));
  std::string_view text(tree.body().data(), bytes);

  thread_local ondemand::parser parser;
  struct Release {
    ~Release() {
      if (parser.capacity() > kept_parser_bytes_max) parser = ondemand::parser();
    }
  } release;

  ondemand::document json;
  if (auto error = parser.iterate(simdjson::padded_string_view(text, tree.body().size())).get(json))
    return malformed(simdjson::error_message(error));
  ondemand::json_type type;
  if (auto error = json.type().get(type)) return malformed(simdjson::error_message(error));
  if (type != ondemand::json_type::object) return malformed("the body is no object");
  Value root;
  if (auto error = JsonReader(tree, text).read_root(json, root))
    return malformed(simdjson::error_message(error));
  return std::move(tree).take(root);
}

}  // namespace tailrace::aws
