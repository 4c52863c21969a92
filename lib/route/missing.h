// The shards that an answer lacks although nobody failed, where they are not this flow's. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "wire/part.h"

namespace flow::route {

// What a header has room for. Of more the first are named; a longer name is cut.
inline constexpr std::size_t kMaxMissingElsewhere = 128;
inline constexpr std::size_t kMaxMissingName = 256;

// Adds `more`, each once; `missing` is ascending and stays so.
void add_missing_elsewhere(std::vector<wire::MissingShard>& missing,
                           std::span<const wire::MissingShard> more);

// What `executor` had to leave out, by the names it has there: "index" becomes "far/index". Adds it
// as above.
void add_missing_at(std::string_view executor, std::span<const wire::MissingShard> there,
                    std::vector<wire::MissingShard>& missing);

}  // namespace flow::route
