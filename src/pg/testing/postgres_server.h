#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "pg/connection.h"

namespace tailrace::pg::testing {

// A throwaway PostgreSQL of its own in a temporary folder, reached by a unix socket only, with
// wal_level=logical. It takes about a second to start, and stops and is removed with its folder at
// the end. The superuser is "postgres"; connections need no password.
//
// The programs are those of the newest version under /usr/lib/postgresql, or of the folder that
// TAILRACE_TEST_POSTGRES names. PostgreSQL refuses to run as root: then it runs as user "postgres".
class PostgresServer {
 public:
  // Lines for postgresql.conf, as "max_slot_wal_keep_size = '16MB'".
  static Result<std::unique_ptr<PostgresServer>> start(
      const std::vector<std::string>& settings = {});
  ~PostgresServer();

  std::string uri(const std::string& database = "postgres",
                  const std::string& user = "postgres") const;
  const std::string& folder() const { return folder_; }

  Result<void> start_again();
  // "fast", "immediate"
  Result<void> stop(const std::string& mode);

 private:
  explicit PostgresServer(std::string folder) : folder_(std::move(folder)) {}
  Result<void> initialise(const std::vector<std::string>& settings);

  std::string folder_;
  bool running_ = false;
};

// For tests: a connection, or a failed one ends the test program with the reason.
std::unique_ptr<Connection> connect(const std::string& uri,
                                    Connection::Kind kind = Connection::Kind::sql);
// The same for a statement.
Rows run(Connection& connection, const std::string& sql);

}  // namespace tailrace::pg::testing
