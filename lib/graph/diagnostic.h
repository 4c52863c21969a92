// What is wrong with a flow file, or suspicious: code, place, message, hint. Collected, so that all
// errors are reported in one run.
//
// A value; one thread. Holds at most kMaxDiagnostics, the rest is only counted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "graph/flow.h"

namespace flow::graph {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;  // "E0107"; stable, `flowctl explain` tells more. Warnings: "W0201"
  Place place;
  std::string message;  // what is wrong, with the thing's name
  std::string hint;     // what would be right; may be empty
};

inline constexpr std::size_t kMaxDiagnostics = 500;

class Diagnostics {
 public:
  // `code` is one of graph/codes.h.
  void error(std::string_view code, Place place, std::string message, std::string hint = {});
  void warning(std::string_view code, Place place, std::string message, std::string hint = {});

  bool has_errors() const { return errors_; }
  // Whether an error points at exactly this place; never for nowhere (line 0).
  bool has_error_at(Place place) const;
  // In the order of their places.
  const std::vector<Diagnostic>& sorted();
  const std::vector<Diagnostic>& all() const { return items_; }
  // Whether further ones are only counted, so that nobody need word them.
  bool full() const { return items_.size() >= kMaxDiagnostics; }
  // How many were left out because there were too many.
  std::size_t dropped() const { return dropped_; }

 private:
  void add(Diagnostic diagnostic);

  std::vector<Diagnostic> items_;
  std::size_t dropped_ = 0;
  bool errors_ = false;
};

}  // namespace flow::graph
