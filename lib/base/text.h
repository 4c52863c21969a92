// Small helpers for messages to people.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flow {

// The candidate nearest to `text` by edit distance (insert, delete, replace, swap of neighbours),
// if it is near enough to be what was meant: at most a third of its length, at least one.
std::optional<std::string_view> did_you_mean(std::string_view text,
                                             std::span<const std::string_view> candidates);

// "a, b or c" style lists for messages.
std::string join(std::span<const std::string> items, std::string_view separator);

std::vector<std::string_view> split(std::string_view text, char separator);

std::string_view trim(std::string_view text);

}  // namespace flow
