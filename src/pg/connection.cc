#include "pg/connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "pg/cancel_request.h"
#include "pg/conninfo.h"
#include "pg/server_error.h"
#include "pg/wire.h"

namespace tailrace::pg {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Free {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Free>;
using Answer = std::unique_ptr<PGresult, Free>;

// How long a server may take to end a statement that was cancelled. After that it is away.
constexpr std::chrono::seconds cancel_patience{10};

// How soon a connection attempt notices that nobody wants it any more, in milliseconds.
constexpr int give_up_interval = 100;

int milliseconds_until(SteadyTime deadline) {
  auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

class LibpqConnection final : public Connection {
 public:
  LibpqConnection(Handle handle, Kind kind)
      : handle_(std::move(handle)), cancel_request_(handle_.get()), kind_(kind) {}

  // Timeouts that the startup packet must not name, since older servers do not know them.
  Result<void> set_up() {
    auto set = query(
        "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
        "WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0'",
        {});
    if (!set) return std::move(set).error().during("switch session timeouts off");
    return {};
  }

  Result<Rows> query(const std::string& sql, const std::vector<std::string>& parameters) override {
    start_statement();
    if (!send(sql, parameters)) return lost();
    Rows rows;
    std::optional<Error> failure;
    while (true) {
      auto answer = next_answer();
      if (!answer) return std::move(answer).error();
      if (*answer == nullptr) break;
      switch (PQresultStatus(answer->get())) {
        case PGRES_TUPLES_OK:
          rows = rows_of(answer->get());
          break;
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
          rows = {};
          break;
        case PGRES_COPY_OUT:
        case PGRES_COPY_IN:
        case PGRES_COPY_BOTH:
          // There is no way back to an idle connection that is not worth a new one.
          give_up();
          return Error{Fault::invalid, "COPY needs copy_out(): " + sql};
        default:
          if (!failure) failure = failure_of(answer->get());
      }
    }
    if (failure) return *std::move(failure);
    return rows;
  }

  Result<void> copy_out(const std::string& sql,
                        const std::function<Result<void>(std::string_view)>& take) override {
    start_statement();
    // Lets libpq look at what it may have read behind its last answer (a NOTIFY, a setting).
    if (PGnotify* notify = PQnotifies(handle_.get())) PQfreemem(notify);
    if (!alive()) return lost();
    if (!wire_) wire_ = std::make_unique<Wire>(handle_.get(), wake_);
    auto copied = copy_out_over_wire(sql, take);
    if (copied.broken) give_up();
    if (copied.failure) return *std::move(copied.failure);
    return {};
  }

  void cancel() override {
    cancelled_ = true;
    wake_.raise();
    cancel_request_.send();
  }

  int server_version() const override { return PQserverVersion(handle_.get()); }

  std::string server_version_text() const override {
    const char* text = PQparameterStatus(handle_.get(), "server_version");
    return text == nullptr ? std::to_string(server_version()) : text;
  }

  bool alive() const override {
    if (given_up_ || PQstatus(handle_.get()) != CONNECTION_OK) return false;
    char byte;
    return ::recv(PQsocket(handle_.get()), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
  }

  pg_conn* handle() override { return handle_.get(); }

 private:
  struct Copied {
    bool broken = false;  // the wire is no longer where libpq left it
    std::optional<Error> failure;
  };

  void start_statement() {
    // One that is still on its way would cancel this statement.
    if (!cancel_request_.wait_until_taken(cancel_patience)) give_up();
    cancelled_ = false;
    wake_.clear();
  }

  bool send(const std::string& sql, const std::vector<std::string>& parameters) {
    TAILRACE_CHECK(kind_ == Kind::sql || parameters.empty());
    if (given_up_) return false;
    if (parameters.empty()) return PQsendQuery(handle_.get(), sql.c_str()) == 1;
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    return PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0) == 1;
  }

  // Null when the statement has ended.
  Result<Answer> next_answer() {
    std::optional<SteadyTime> deadline;
    while (PQisBusy(handle_.get()) == 1) {
      ::pollfd waits[] = {{PQsocket(handle_.get()), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
      int ready = ::poll(waits, 2, deadline ? milliseconds_until(*deadline) : -1);
      if (ready < 0 && errno != EINTR) return system_error(errno, "poll");
      if (ready == 0) return away_after_cancel();
      if (ready > 0 && waits[1].revents != 0) {
        wake_.clear();
        if (cancelled_ && !deadline) deadline = std::chrono::steady_clock::now() + cancel_patience;
      }
      if (ready > 0 && waits[0].revents != 0 && PQconsumeInput(handle_.get()) != 1) return lost();
    }
    return Answer(PQgetResult(handle_.get()));
  }

  // Sends the COPY and reads its answer without libpq, which sees an idle connection throughout.
  Copied copy_out_over_wire(const std::string& sql,
                            const std::function<Result<void>(std::string_view)>& take) {
    if (auto sent = wire_->send('Q', std::string_view(sql.c_str(), sql.size() + 1)); !sent)
      return {.broken = true, .failure = std::move(sent).error()};
    Copied copied;
    bool is_copy = false;
    std::optional<SteadyTime> deadline;
    while (true) {
      while (auto message = wire_->next()) {
        switch (message->type) {
          case 'd':
            if (copied.failure) break;
            if (auto taken = take(message->body); !taken) {
              copied.failure = std::move(taken).error();
              cancel_request_.send();
            }
            break;
          case 'H':
            is_copy = true;
            break;
          case 'G':
            if (auto sent = wire_->send('f', std::string_view("only COPY TO STDOUT\0", 20)); !sent)
              return {.broken = true, .failure = std::move(sent).error()};
            break;
          case 'E':
            if (!copied.failure) copied.failure = read_server_message(message->body).error();
            break;
          case 'Z':
            if (!is_copy && !copied.failure)
              copied.failure = Error{Fault::invalid, "not a COPY TO STDOUT: " + sql};
            return copied;
          default:
            break;
        }
      }
      if ((cancelled_ || copied.failure) && !deadline)
        deadline = std::chrono::steady_clock::now() + cancel_patience;
      if (deadline && milliseconds_until(*deadline) == 0)
        return {.broken = true, .failure = away_after_cancel()};
      // Without a deadline the server may think as long as it likes; TCP keepalives watch it.
      auto filled =
          wire_->fill(std::chrono::milliseconds(deadline ? milliseconds_until(*deadline) : 60'000));
      if (!filled) return {.broken = true, .failure = std::move(filled).error()};
    }
  }

  void give_up() {
    given_up_ = true;
    ::shutdown(PQsocket(handle_.get()), SHUT_RDWR);
  }

  Error away_after_cancel() {
    give_up();
    return {Fault::timeout, "the server did not answer the cancellation of a statement"};
  }

  Error lost() {
    if (given_up_)
      return {Fault::unavailable, "the connection was given up after an earlier failure"};
    std::string text = PQerrorMessage(handle_.get());
    if (text.empty()) text = "the server closed the connection";
    Error error = connect_error(text);
    // Whatever broke it: a new connection is what mends it.
    if (PQstatus(handle_.get()) != CONNECTION_OK) error.fault = Fault::unavailable;
    return error;
  }

  Error failure_of(const PGresult* answer) {
    ServerMessage message = server_message_of(answer);
    if (message.sqlstate.empty() && PQstatus(handle_.get()) != CONNECTION_OK) return lost();
    return message.error();
  }

  static Rows rows_of(const PGresult* answer) {
    Rows rows;
    int columns = PQnfields(answer), count = PQntuples(answer);
    for (int c = 0; c < columns; ++c) rows.names.emplace_back(PQfname(answer, c));
    rows.rows.reserve(static_cast<std::size_t>(count));
    for (int r = 0; r < count; ++r) {
      auto& row = rows.rows.emplace_back();
      row.reserve(static_cast<std::size_t>(columns));
      for (int c = 0; c < columns; ++c) {
        if (PQgetisnull(answer, r, c) == 1)
          row.emplace_back();
        else
          row.emplace_back(std::in_place, PQgetvalue(answer, r, c),
                           static_cast<std::size_t>(PQgetlength(answer, r, c)));
      }
    }
    return rows;
  }

  Handle handle_;
  CancelRequest cancel_request_;
  Kind kind_;
  WakeSignal wake_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> given_up_{false};
  std::unique_ptr<Wire> wire_;  // made by the first copy_out()
};

// One attempt at one host. libpq's blocking call would hide the SQLSTATE of a refusal, which shows
// only under a verbosity that must be set between the start and the first poll.
Result<Handle> connect_to(const Conninfo& conninfo, const std::atomic<bool>* given_up) {
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : conninfo) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  Handle handle(PQconnectStartParams(keywords.data(), values.data(), 0));
  if (handle == nullptr) return Error{Fault::internal, "no memory for a connection"};
  PQsetErrorVerbosity(handle.get(), PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      handle.get(), [](void*, const char*) {}, nullptr);

  auto patience = std::chrono::seconds(std::atoi(conninfo.at("connect_timeout").c_str()));
  if (patience <= std::chrono::seconds(0)) patience = std::chrono::hours(1);
  auto deadline = std::chrono::steady_clock::now() + patience;
  short wanted = POLLOUT;
  while (PQstatus(handle.get()) != CONNECTION_BAD) {
    if (given_up != nullptr && *given_up)
      return Error{Fault::unavailable, "given up while connecting"};
    ::pollfd wait{PQsocket(handle.get()), wanted, 0};
    int ready = ::poll(&wait, 1, std::min(milliseconds_until(deadline), give_up_interval));
    if (ready < 0 && errno != EINTR) return system_error(errno, "poll");
    if (ready <= 0 && milliseconds_until(deadline) > 0) continue;
    if (ready <= 0)
      return Error{Fault::unavailable,
                   "no answer within " + std::to_string(patience.count()) + " s"};
    switch (PQconnectPoll(handle.get())) {
      case PGRES_POLLING_READING:
        wanted = POLLIN;
        break;
      case PGRES_POLLING_WRITING:
        wanted = POLLOUT;
        break;
      case PGRES_POLLING_OK:
        return handle;
      default:
        return connect_error(PQerrorMessage(handle.get()));
    }
  }
  return connect_error(PQerrorMessage(handle.get()));
}

Error explain(Error error, const Connection::Options& options, const Conninfo& conninfo) {
  auto sslmode = conninfo.find("sslmode");
  bool tls_failed = error.message.find("certificate") != std::string::npos ||
                    error.message.find("SSL was required") != std::string::npos;
  if (tls_failed && sslmode != conninfo.end() && sslmode->second == "verify-full")
    error.message +=
        "; the server is remote, so its certificate is checked against its name: give "
        "sslrootcert=FILE, or "
        "choose another sslmode, in the URI";
  return std::move(error).during("connect to " + redact_uri(options.uri));
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::connect(const Options& options) {
  auto conninfos =
      conninfos_of(options, [](const char* name) -> const char* { return std::getenv(name); });
  if (!conninfos) return std::move(conninfos).error();
  std::optional<Error> failure;
  for (const Conninfo& conninfo : *conninfos) {
    auto handle = connect_to(conninfo, options.given_up);
    if (handle) {
      auto connection = std::make_unique<LibpqConnection>(std::move(*handle), options.kind);
      if (auto ready = connection->set_up(); !ready)
        return explain(std::move(ready).error(), options, conninfo);
      return std::unique_ptr<Connection>(std::move(connection));
    }
    failure = explain(std::move(handle).error(), options, conninfo);
    // The next host may answer where this one is away; a refusal it would only repeat.
    if (failure->fault != Fault::unavailable) break;
  }
  return *std::move(failure);
}

}  // namespace tailrace::pg
