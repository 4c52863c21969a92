// Reading `with` tables and request parameters: what is out of range is an error that names the
// key, what was given and what is expected.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "flow/executor.h"

namespace flow::executors {

inline constexpr std::int64_t kMaxTop = 10'000;

// ConfigError when the number is outside [least, most].
std::int64_t int_between(const ExecutorConfig& config, std::string_view key, std::int64_t fallback,
                         std::int64_t least, std::int64_t most);
double number_between(const ExecutorConfig& config, std::string_view key, double fallback,
                      double least, double most);

// ConfigError when the text is none of `allowed`.
std::string one_of(const ExecutorConfig& config, std::string_view key, const char* fallback,
                   std::initializer_list<std::string_view> allowed);

// The request parameter `top`, `fallback` when it is missing. std::invalid_argument when it is not
// an int from `least` to kMaxTop.
std::size_t top_of(const Request& request, std::size_t fallback, std::int64_t least = 1);

// "'pkg-7'", or "number 3 (without id)" for a document without an id at position 3.
std::string name_of(const Document& document, std::size_t position);

// Makes ids that no other document has: 16 random hex digits of its own and a counter.
class IdSource {
 public:
  IdSource();
  std::string next();

 private:
  std::uint64_t random_;
  std::uint64_t count_ = 0;
};

}  // namespace flow::executors
