// Any text as a table-mapping document: it is refused with its problems, or its patterns can be
// asked about any name.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "rules/mappings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto mappings = tailrace::rules::Mappings::parse(text);
  if (!mappings) {
    TAILRACE_CHECK(mappings.error().fault == tailrace::Fault::invalid);
    TAILRACE_CHECK(!mappings.error().message.empty());
    TAILRACE_CHECK(tailrace::is_utf8(mappings.error().message));
    return 0;
  }
  TAILRACE_CHECK(mappings->json() == text);
  (void)mappings->selects("public", "products");
  (void)mappings->selects("", text);
  // What is named exactly is selected, unless another rule excludes it.
  for (const auto& [schema, table] : mappings->exact_tables()) {
    TAILRACE_CHECK(mappings->selects(schema, table));
    (void)mappings->load_order(schema, table);
  }
  return 0;
}
