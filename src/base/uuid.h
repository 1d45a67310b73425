#pragma once

#include <string>

namespace tailrace {

// A random UUID (RFC 9562 version 4) in lower case.
std::string random_uuid();

}  // namespace tailrace
