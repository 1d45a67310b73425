#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tailrace::cli {

// "0 B", "1.5 KiB", "12 GiB"
std::string human_bytes(std::uint64_t bytes);
// "1,234,567"
std::string human_count(std::uint64_t count);
// "1 record", "1,234 records"
std::string counted(std::uint64_t count, const std::string& one);
// "12 ms", "3.4 s", "2 min", "5 h"
std::string human_duration(std::chrono::milliseconds duration);
// How many columns the UTF-8 text takes: one a character.
std::size_t width_of(const std::string& text);

// Text in aligned columns, two spaces apart, with its header.
class TextTable {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  // Lines with their ends; none when there is no row.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tailrace::cli
