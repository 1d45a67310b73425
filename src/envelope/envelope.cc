#include "envelope/envelope.h"

#include "base/check.h"
#include "envelope/message_parts.h"

namespace tailrace::envelope {

std::optional<Format> parse_format(std::string_view name) {
  for (Format format : {Format::dms, Format::flat, Format::debezium, Format::cloudevents})
    if (name_of(format) == name) return format;
  return std::nullopt;
}

std::string_view name_of(Format format) {
  switch (format) {
    case Format::dms:
      return "dms";
    case Format::flat:
      return "flat";
    case Format::debezium:
      return "debezium";
    case Format::cloudevents:
      return "cloudevents";
  }
  return "";
}

std::unique_ptr<TableEnvelope> TableEnvelope::make(Format format, PartitionBy partition_by,
                                                   const Source& source, const Table& table) {
  switch (format) {
    case Format::dms:
      return make_dms(partition_by, source, table);
    case Format::flat:
      return make_flat(partition_by, source, table);
    case Format::debezium:
      return make_debezium(partition_by, source, table);
    case Format::cloudevents:
      return make_cloudevents(partition_by, source, table);
  }
  TAILRACE_CHECK(false);
}

}  // namespace tailrace::envelope
