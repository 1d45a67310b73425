#pragma once

#include "pg/connection.h"

namespace tailrace::pg::testing {

// A connection without a server: a test says what its queries answer.
class FakeConnection : public Connection {
 public:
  Result<void> copy_out(const std::string&,
                        const std::function<Result<void>(std::string_view)>&) override {
    return {};
  }
  void cancel() override {}
  int server_version() const override { return 170000; }
  std::string server_version_text() const override { return "17.0"; }
  bool alive() const override { return true; }
  pg_conn* handle() override { return nullptr; }
};

}  // namespace tailrace::pg::testing
