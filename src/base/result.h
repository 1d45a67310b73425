#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tailrace {

// What a caller does next decides the fault, not where the failure arose.
enum class Fault {
  invalid,      // the input is wrong: tell the person, do not retry
  not_found,    // the named thing does not exist
  conflict,     // it exists already, is in use, or is in the wrong state
  denied,       // rights or credentials are missing: tell the person
  unavailable,  // a peer is away or overloaded: try again later
  timeout,      // no answer in time; whether it happened is unknown
  full,         // no space: keep the data, try again when there is room
  corrupt,      // stored bytes are damaged: keep them, stop this part, report the range
  fenced,       // the log refused to go on after a failed write: reopen it
  gap,          // history that should be there is missing: an operator must decide
  internal,     // a call of the system failed in a way that nothing above can mend
};

std::string_view name_of(Fault fault);

// A failure on its way up. The message names the thing and the way out; each level adds what it
// was doing with during(), so that the text reads "open streams: orders: read header: ...".
struct Error {
  Fault fault = Fault::internal;
  std::string message;

  Error during(std::string_view what) && {
    message.insert(0, std::string(what) + ": ");
    return std::move(*this);
  }
};

// Error with the text of errno, as "open data/x: No space left on device". ENOSPC, EDQUOT and
// EROFS become Fault::full, ENOENT not_found, EACCES and EPERM denied, the rest internal.
Error system_error(int error_number, std::string_view what);

// A value or an Error, shaped like C++23's std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }

  Error& error() & { return error_.value(); }
  const Error& error() const& { return error_.value(); }
  Error&& error() && { return std::move(error_).value(); }

 private:
  std::optional<Error> error_;
};

}  // namespace tailrace
