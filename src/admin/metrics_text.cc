#include "admin/metrics_text.h"

#include <charconv>
#include <cmath>

#include "base/check.h"

namespace tailrace::admin {
namespace {

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
}

void append_label_value(std::string& out, std::string_view value) {
  for (char byte : value) {
    if (byte == '\\' || byte == '"') out += '\\';
    if (byte == '\n')
      out += "\\n";
    else
      out += byte;
  }
}

}  // namespace

void MetricsText::counter(std::string_view name, std::string_view help) {
  TAILRACE_CHECK(name.ends_with("_total"));
  family(name, "counter", help);
}

void MetricsText::gauge(std::string_view name, std::string_view help) {
  family(name, "gauge", help);
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " +
           std::string(type) + "\n";
}

void MetricsText::sample(const Labels& labels, double value) {
  text_ += name_;
  char before = '{';
  for (auto [label, label_value] : labels) {
    text_ += before;
    before = ',';
    text_ += label;
    text_ += "=\"";
    append_label_value(text_, label_value);
    text_ += '"';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

}  // namespace tailrace::admin
