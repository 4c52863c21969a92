// The grammar of single values. Pure; check_... returns an empty string or what is wrong, as a
// clause.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/polling.h"

namespace flow::config {

bool is_flow_name(std::string_view text);  // [a-z][a-z0-9-]*, at most 63 characters

// private, redis://HOST:PORT/DB, unix:///PATH
std::string check_redis_url(std::string_view text);

bool is_effect(std::string_view text);  // readonly, idempotent, once

// ANY, ALL, ALL_ASYNC, HASH in any letter case, or the older 1, 2, 3 of the first three.
std::optional<Polling> parse_polling(std::string_view text);

}  // namespace flow::config
