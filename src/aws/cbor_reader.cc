#include <cmath>
#include <cstring>
#include <limits>

#include "aws/tree_builder.h"
#include "base/byte_reader.h"
#include "base/utf8.h"

// CBOR (RFC 8949) as AWS's SDK for Java writes it. A value begins with a byte of major type (3
// bits) and additional information (5 bits):
//
//   0 unsigned, 1 negative: -1 - n   the argument is the number
//   2 bytes, 3 text                  the argument is the length
//   4 list, 5 map                    the argument counts items, or pairs of name and value
//   6 tag                            a number that says what the next value means: 1 is a time
//   7                                20 false, 21 true, 22 null, 23 undefined, 25-27 floats
//
// The argument is the information itself up to 23; 24 to 27 say that 1, 2, 4 or 8 bytes follow; 31
// that the length is open: chunks or items follow until the byte 0xff.
namespace tailrace::aws {
namespace {

enum Major : unsigned { unsigned_integer, negative_integer, bytes, text, list, map, tag, simple };

constexpr unsigned open_length = 31;
constexpr std::uint8_t break_byte = 0xff;
constexpr std::uint64_t time_tag = 1;

struct Head {
  unsigned major = 0;
  unsigned info = 0;
  std::uint64_t argument = 0;
  bool open() const { return info == open_length; }
};

// IEEE 754 binary16 (RFC 8949 appendix D).
double half_float(std::uint16_t half) {
  int exponent = (half >> 10) & 0x1f;
  int mantissa = half & 0x3ff;
  double value = exponent == 0    ? std::ldexp(mantissa, -24)
                 : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                 : mantissa == 0  ? std::numeric_limits<double>::infinity()
                                  : std::numeric_limits<double>::quiet_NaN();
  return half & 0x8000 ? -value : value;
}

class CborReader {
 public:
  explicit CborReader(TreeBuilder& tree) : tree_(tree), in_(tree.body()) {}

  bool read_root(Value& out) {
    return read(0, out) && in_.at_end() && out.kind() == Value::Kind::map;
  }

 private:
  // False when the argument is not there or is one of the reserved forms.
  bool read_head(Head& head) {
    auto first = in_.be<std::uint8_t>();
    head.major = first >> 5;
    head.info = first & 0x1f;
    switch (head.info) {
      case 24:
        head.argument = in_.be<std::uint8_t>();
        break;
      case 25:
        head.argument = in_.be<std::uint16_t>();
        break;
      case 26:
        head.argument = in_.be<std::uint32_t>();
        break;
      case 27:
        head.argument = in_.be<std::uint64_t>();
        break;
      case 28:
      case 29:
      case 30:
        return false;
      case open_length:
        if (head.major < bytes || head.major == tag) return false;
        break;
      default:
        head.argument = head.info;
    }
    return in_.ok();
  }

  bool at_break() {
    if (in_.left() == 0 || static_cast<std::uint8_t>(*in_.position()) != break_byte) return false;
    in_.be<std::uint8_t>();
    return true;
  }

  bool read(unsigned depth, Value& out) {
    if (!tree_.may_add(depth)) return false;
    Head head;
    if (!read_head(head)) return false;
    switch (head.major) {
      case unsigned_integer:
        return out = unsigned_value(head.argument), true;
      case negative_integer:
        return out = negative_value(head.argument), true;
      case bytes:
      case text: {
        std::string_view string;
        if (!read_string(head, string)) return false;
        out = head.major == bytes ? Value::bytes_of(string) : Value::text_of(string);
        return true;
      }
      case list:
        return read_list(head, depth, out);
      case map:
        return read_map(head, depth, out);
      case tag:
        return read_tagged(head.argument, depth, out);
      default:
        return read_simple(head, out);
    }
  }

  // What has no room in 63 bits is kept as a real, whose size is what counts then.
  static Value unsigned_value(std::uint64_t number) {
    return number >> 63 ? Value::of(static_cast<double>(number))
                        : Value::of(static_cast<std::int64_t>(number));
  }
  static Value negative_value(std::uint64_t number) {
    return number >> 63 ? Value::of(-1.0 - static_cast<double>(number))
                        : Value::of(-1 - static_cast<std::int64_t>(number));
  }

  bool read_string(const Head& head, std::string_view& out) {
    if (!head.open()) {
      if (head.argument > in_.left()) return false;
      out = in_.bytes(static_cast<std::size_t>(head.argument));
    } else {
      std::string joined;
      while (!at_break()) {
        Head chunk;
        // Chunks have the type of the whole and a length each.
        if (!read_head(chunk) || chunk.major != head.major || chunk.open()) return false;
        if (chunk.argument > in_.left()) return false;
        joined += in_.bytes(static_cast<std::size_t>(chunk.argument));
      }
      out = tree_.keep(joined);
    }
    return head.major == bytes || is_utf8(out);
  }

  // Each item takes a byte at least, so a count beyond what is left is a lie.
  bool read_list(const Head& head, unsigned depth, Value& out) {
    if (head.argument > in_.left()) return false;
    std::size_t mark = tree_.list_mark();
    for (std::uint64_t i = 0; head.open() ? !at_break() : i < head.argument; ++i) {
      Value item;
      if (!read(depth + 1, item)) return false;
      tree_.push(item);
    }
    out = tree_.list_since(mark);
    return true;
  }

  bool read_map(const Head& head, unsigned depth, Value& out) {
    if (head.argument > in_.left() / 2) return false;
    std::size_t mark = tree_.map_mark();
    for (std::uint64_t i = 0; head.open() ? !at_break() : i < head.argument; ++i) {
      Head name;
      Member member;
      if (!read_head(name) || name.major != text || !read_string(name, member.name)) return false;
      if (!read(depth + 1, member.value)) return false;
      tree_.push(member);
    }
    out = tree_.map_since(mark);
    return true;
  }

  // Tag 1 is a time: in milliseconds when it is an integer, as AWS has it, in seconds when it is a
  // float, as RFC 8949 has it. Other tags do not change what a value is to us.
  bool read_tagged(std::uint64_t tagged, unsigned depth, Value& out) {
    if (!read(depth + 1, out)) return false;
    if (tagged != time_tag) return true;
    if (out.kind() == Value::Kind::integer) {
      out = Value::timestamp_of(out.integer());
      return true;
    }
    if (out.kind() != Value::Kind::real) return false;
    double millis = std::round(out.real() * 1000);
    // Beyond this a time is none; 2^53 milliseconds are 285,000 years.
    if (!(std::abs(millis) < 9007199254740992.0)) return false;
    out = Value::timestamp_of(static_cast<std::int64_t>(millis));
    return true;
  }

  static bool read_simple(const Head& head, Value& out) {
    switch (head.info) {
      case 20:
        out = Value::of(false);
        return true;
      case 21:
        out = Value::of(true);
        return true;
      case 22:
      case 23:
        out = Value();
        return true;
      case 25:
        out = Value::of(half_float(static_cast<std::uint16_t>(head.argument)));
        return true;
      case 26: {
        float number = 0;
        auto bits = static_cast<std::uint32_t>(head.argument);
        std::memcpy(&number, &bits, sizeof number);
        out = Value::of(static_cast<double>(number));
        return true;
      }
      case 27: {
        double number = 0;
        std::memcpy(&number, &head.argument, sizeof number);
        out = Value::of(number);
        return true;
      }
      default:
        return false;
    }
  }

  TreeBuilder& tree_;
  ByteReader in_;
};

}  // namespace

Result<Document> read_cbor(std::string body) {
  TreeBuilder tree(Codec::cbor, std::move(body));
  Value root;
  if (!CborReader(tree).read_root(root))
    return Error{Fault::invalid, "CBOR: the body is no well-formed map within the limits"};
  return std::move(tree).take(root);
}

}  // namespace tailrace::aws
