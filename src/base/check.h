#pragma once

namespace tailrace {

[[noreturn]] void broken_promise(const char* condition, const char* file, int line);

}  // namespace tailrace

// A promise of our own code. Stays on in release and stops the process: crash-only software would
// rather restart than run on with a broken invariant. Never used on bytes from outside.
#define TAILRACE_CHECK(condition) \
  ((condition) ? (void)0 : ::tailrace::broken_promise(#condition, __FILE__, __LINE__))
