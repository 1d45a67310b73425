#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace tailrace {

std::string random_bytes(std::size_t count) {
  TAILRACE_CHECK(count <= 256);
  std::string bytes(count, '\0');
  // So many are never cut short once the kernel's generator is seeded.
  TAILRACE_CHECK(getrandom(bytes.data(), count, 0) == static_cast<ssize_t>(count));
  return bytes;
}

}  // namespace tailrace
