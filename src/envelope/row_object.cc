#include "envelope/row_object.h"

#include "base/check.h"
#include "base/json_text.h"

namespace tailrace::envelope {

RowObject::RowObject(Format format, const Table& table) {
  for (const Column& column : table.columns) {
    std::string label = "," + json_string(column.name) + ":";
    fields_.push_back({static_cast<std::uint32_t>(labels_.size()),
                       static_cast<std::uint32_t>(label.size()), form_of(format, column.kind)});
    labels_ += label;
  }
}

std::size_t RowObject::append(Buffer& out, Row row) const {
  TAILRACE_CHECK(row.empty() || row.size() == fields_.size());
  std::size_t unchanged = 0;
  std::size_t comma = 1;  // The first label goes without its comma.
  out.append('{');
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Value& value = row[i];
    if (value.state == Value::State::absent) continue;
    if (value.state == Value::State::unchanged) {
      ++unchanged;
      continue;
    }
    out.append(label(fields_[i]).substr(comma));
    comma = 0;
    if (value.state == Value::State::null)
      out.append("null");
    else
      append_value(out, fields_[i].form, value.bytes);
  }
  out.append('}');
  return unchanged;
}

void RowObject::append_unchanged(Buffer& out, Row row) const {
  std::size_t comma = 1;
  out.append('[');
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i].state != Value::State::unchanged) continue;
    std::string_view name = label(fields_[i]);
    name.remove_suffix(1);
    out.append(name.substr(comma));
    comma = 0;
  }
  out.append(']');
}

}  // namespace tailrace::envelope
