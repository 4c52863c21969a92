#include "route/missing.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::route {

void add_missing_elsewhere(std::vector<wire::MissingShard>& missing,
                           std::span<const wire::MissingShard> more) {
  if (more.empty()) return;
  missing.insert(missing.end(), more.begin(), more.end());
  std::ranges::sort(missing);
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  if (missing.size() > kMaxMissingElsewhere) missing.resize(kMaxMissingElsewhere);
}

void add_missing_at(std::string_view executor, std::span<const wire::MissingShard> there,
                    std::vector<wire::MissingShard>& missing) {
  std::vector<wire::MissingShard> named;
  for (const wire::MissingShard& shard : there) {
    std::string name = fmt::format("{}/{}", executor, shard.executor);
    if (name.size() > kMaxMissingName) name.resize(kMaxMissingName);
    named.push_back({std::move(name), shard.shard});
  }
  add_missing_elsewhere(missing, named);
}

}  // namespace flow::route
