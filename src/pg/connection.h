#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct pg_conn;

namespace tailrace::pg {

// The rows of an answer, as text; a NULL is an empty optional.
struct Rows {
  std::vector<std::string> names;
  std::vector<std::vector<std::optional<std::string>>> rows;
  bool empty() const { return rows.empty(); }
  // The value of the only row, or of the first; empty text for NULL.
  std::string text(std::size_t row, std::size_t column) const {
    return rows.at(row).at(column).value_or("");
  }
};

// One connection to PostgreSQL, used by one thread at a time. Output settings are sent in the
// startup packet, so that role and database defaults cannot change the text of values.
class Connection {
 public:
  enum class Kind { sql, replication };
  struct Options {
    std::string
        uri;  // postgresql://... or key=value; sslmode verify-full is the default off loopback
    std::string application_name = "tailrace";
    Kind kind = Kind::sql;
    std::chrono::seconds connect_timeout{10};
    // Once it is true, connecting ends soon: with Fault::unavailable, unless it was done already.
    const std::atomic<bool>* given_up = nullptr;
  };

  // Fault::unavailable: the server is away, starting, or out of connections (try again);
  // denied: authentication, pg_hba.conf; not_found: no such database; invalid: the URI.
  static Result<std::unique_ptr<Connection>> connect(const Options& options);
  virtual ~Connection() = default;

  // Kind::sql: any statement with $1.. parameters. Kind::replication: no parameters (the simple
  // protocol). Faults come from the SQLSTATE, which the message ends with: "... (SQLSTATE 42501)".
  virtual Result<Rows> query(const std::string& sql,
                             const std::vector<std::string>& parameters = {}) = 0;

  // Runs COPY ... TO STDOUT and hands over each chunk, one or more whole lines of text format with
  // their line ends, in place. An Error from `take` cancels the copy and is returned.
  virtual Result<void> copy_out(const std::string& sql,
                                const std::function<Result<void>(std::string_view)>& take) = 0;

  // From any thread, and does not wait: asks the server to cancel what runs now. A server that does
  // not answer is given up after ten seconds.
  virtual void cancel() = 0;
  virtual int server_version() const = 0;  // 150004
  virtual std::string server_version_text() const = 0;
  virtual bool alive() const = 0;
  // For ReplicationStream, which takes the wire over.
  virtual pg_conn* handle() = 0;
};

// Sorts a failure by its SQLSTATE (reference: PostgreSQL's appendix A).
Fault fault_of_sqlstate(std::string_view sqlstate);
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);
// The URI with its password replaced, for messages and status.
std::string redact_uri(std::string_view uri);

}  // namespace tailrace::pg
