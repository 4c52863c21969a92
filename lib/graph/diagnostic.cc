#include "graph/diagnostic.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace flow::graph {

void Diagnostics::error(std::string_view code, Place place, std::string message, std::string hint) {
  errors_ = true;
  add({Severity::kError, std::string(code), place, std::move(message), std::move(hint)});
}

void Diagnostics::warning(std::string_view code, Place place, std::string message,
                          std::string hint) {
  add({Severity::kWarning, std::string(code), place, std::move(message), std::move(hint)});
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (full()) {
    ++dropped_;
    return;
  }
  items_.push_back(std::move(diagnostic));
}

bool Diagnostics::has_error_at(Place place) const {
  return place.line != 0 && std::ranges::any_of(items_, [place](const Diagnostic& each) {
           return each.severity == Severity::kError && each.place == place;
         });
}

const std::vector<Diagnostic>& Diagnostics::sorted() {
  std::ranges::stable_sort(items_, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  return items_;
}

}  // namespace flow::graph
