#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace::admin {

// Writes Prometheus's text exposition format, version 0.0.4.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // Begins a family; its samples follow before the next one begins. Counters end in _total.
  void counter(std::string_view name, std::string_view help);
  void gauge(std::string_view name, std::string_view help);
  void sample(const Labels& labels, double value);

  std::string take() { return std::move(text_); }

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);

  std::string text_;
  std::string name_;
};

}  // namespace tailrace::admin
