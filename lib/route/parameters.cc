#include "route/parameters.h"

#include <optional>
#include <utility>

namespace flow::route {
namespace {

constexpr std::string_view kMark = "__";

struct Specific {
  std::string_view executor;
  std::string_view key;
};

// Nothing for a plain key. A name that is known takes precedence, so that one with underscores at
// its end divides where it should.
std::optional<Specific> specific(std::string_view key, std::string_view name) {
  if (key.starts_with(kMark) || key.ends_with(kMark)) return std::nullopt;
  if (key.size() > name.size() + kMark.size() && key.starts_with(name) &&
      key.substr(name.size()).starts_with(kMark)) {
    const std::string_view rest = key.substr(name.size() + kMark.size());
    if (rest.find(kMark) == std::string_view::npos) return Specific{name, rest};
  }
  const auto mark = key.rfind(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  return Specific{key.substr(0, mark), key.substr(mark + kMark.size())};
}

}  // namespace

ValueMap parameters_for(const ValueMap& parameters, std::string_view name) {
  ValueMap seen;
  for (const auto& [key, value] : parameters) {
    if (!specific(key, name)) seen.append(key, value);
  }
  for (const auto& [key, value] : parameters) {
    const std::optional<Specific> split = specific(key, name);
    if (split && split->executor == name) seen.set(split->key, value);
  }
  if (const Value* own = parameters.find(name); own != nullptr && own->if_map() != nullptr) {
    for (const auto& [key, value] : *own->if_map())
      seen.set(key, value);
  }
  return seen;
}

}  // namespace flow::route
