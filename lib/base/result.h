// Errors are values: Result<T> holds a T or an Error; Status is Result<void>.
//
//   Result<Port> port = parse_port(text);
//   if (!port) return std::move(port).error();
//   use(*port);
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/errc.h"

namespace flow {

// What went wrong: the code for programs, the message for people. The message names the thing and
// what was expected.
struct [[nodiscard]] Error {
  Errc code = Errc::kInternal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // The value. Calling these on an error is a bug and aborts.
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // The error. Calling these on a value is a bug and aborts.
  const Error& error() const& {
    FLOW_CHECK(!ok(), "error() of a Result that holds a value");
    return std::get<1>(state_);
  }
  Error error() && {
    FLOW_CHECK(!ok(), "error() of a Result that holds a value");
    return std::move(std::get<1>(state_));
  }

 private:
  T& value() {
    FLOW_CHECK(ok(), "value of a Result that holds an error");
    return std::get<0>(state_);
  }
  const T& value() const {
    FLOW_CHECK(ok(), "value of a Result that holds an error");
    return std::get<0>(state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }

  const Error& error() const& {
    FLOW_CHECK(!ok(), "error() of a Status that is ok");
    return *error_;
  }
  Error error() && {
    FLOW_CHECK(!ok(), "error() of a Status that is ok");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace flow
