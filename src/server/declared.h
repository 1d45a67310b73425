#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "config/config.h"

namespace tailrace::server {

// The configuration file as it was last read without an error, and its way into the catalogue. One
// thread at a time.
class Declared {
 public:
  // `file` may be empty: then there is nothing to read again.
  Declared(config::Config config, std::string file, catalog::Catalog& catalog, Clock& clock);

  // Brings the catalogue in line and logs what was done; returns the same sentences.
  Result<std::vector<std::string>> apply();

  // Reads the file again and applies it. A file with an error changes nothing; the Error holds
  // every problem, one a line.
  Result<std::vector<std::string>> read_again();

 private:
  Result<config::Config> load() const;

  config::Config config_;
  const std::string file_;
  catalog::Catalog& catalog_;
  Clock& clock_;
};

}  // namespace tailrace::server
