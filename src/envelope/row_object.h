#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "envelope/value_form.h"
#include "record/change.h"

namespace tailrace::envelope {

// Writes rows of one table as JSON objects in one format.
class RowObject {
 public:
  RowObject(Format format, const Table& table);

  // The columns that the row knows, NULLs among them. Says how many it left out because they are
  // unchanged.
  std::size_t append(Buffer& out, Row row) const;
  // The names of the unchanged columns, as a JSON array.
  void append_unchanged(Buffer& out, Row row) const;

 private:
  struct Field {
    std::uint32_t label_start, label_size;  // in labels_: ,"name":
    ValueForm form;
  };
  std::string_view label(const Field& field) const {
    return {labels_.data() + field.label_start, field.label_size};
  }

  std::string labels_;
  std::vector<Field> fields_;
};

}  // namespace tailrace::envelope
