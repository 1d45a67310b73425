#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace tailrace {

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return "invalid";
    case Fault::not_found:
      return "not_found";
    case Fault::conflict:
      return "conflict";
    case Fault::denied:
      return "denied";
    case Fault::unavailable:
      return "unavailable";
    case Fault::timeout:
      return "timeout";
    case Fault::full:
      return "full";
    case Fault::corrupt:
      return "corrupt";
    case Fault::fenced:
      return "fenced";
    case Fault::gap:
      return "gap";
    case Fault::internal:
      return "internal";
  }
  __builtin_unreachable();
}

namespace {

Fault fault_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
      return Fault::full;
    case ENOENT:
      return Fault::not_found;
    case EEXIST:
    case EADDRINUSE:
      return Fault::conflict;
    case EACCES:
    case EPERM:
      return Fault::denied;
    default:
      return Fault::internal;
  }
}

}  // namespace

Error system_error(int error_number, std::string_view what) {
  return {fault_of(error_number), std::string(what) + ": " + std::strerror(error_number)};
}

}  // namespace tailrace
