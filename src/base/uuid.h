#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace tailrace {

// A random UUID (RFC 9562 version 4) in lower case, from the kernel's generator: nobody can guess
// it.
std::string random_uuid();
// The same for what is only to be told apart, without a call of the system.
std::string random_uuid(std::mt19937_64& random);

}  // namespace tailrace
