#include "cli/exit_code.h"

namespace tailrace::cli {

int exit_code_of(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return exit_usage;
    case Fault::denied:
    case Fault::unavailable:
      return exit_environment;
    case Fault::not_found:
    case Fault::conflict:
    case Fault::timeout:
    case Fault::full:
    case Fault::corrupt:
    case Fault::fenced:
    case Fault::gap:
    case Fault::internal:
      return exit_failed;
  }
  __builtin_unreachable();
}

}  // namespace tailrace::cli
