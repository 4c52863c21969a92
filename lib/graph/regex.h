// A regular expression of the RE2 library, the only door to it.
//
// Matching takes time linear in the text, whatever the pattern. Character classes are ASCII, `$` is
// the very end. Immutable, cheap to copy, any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace flow::graph {

class Regex {
 public:
  static constexpr std::size_t kMaxBytes = 1024;

  // kInvalidArgument: why the pattern is refused (without repeating the pattern).
  static Result<Regex> compile(std::string_view pattern);

  bool found_in(std::string_view text) const;  // anywhere in it
  bool begins(std::string_view text) const;    // matches from its start

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> expression);

  std::shared_ptr<const re2::RE2> expression_;
};

}  // namespace flow::graph
