#pragma once

#include <cstddef>
#include <string>

namespace tailrace {

// From the kernel's generator, fit for keys. At most 256 at once.
std::string random_bytes(std::size_t count);

}  // namespace tailrace
