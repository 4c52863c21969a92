#include "config/check_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/address.h"
#include "graph/graph.h"

namespace flow::config {
namespace {

bool is_number(std::string_view text, unsigned most) {
  unsigned number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && number <= most;
}

// Splits "host:port" and "[v6]:port"; false if there is no port.
bool split_port(std::string_view text, std::string_view& host, std::string_view& port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  return is_number(port, 65535);
}

}  // namespace

bool is_flow_name(std::string_view text) {
  const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= graph::kMaxNameLength && small(text.front()) &&
         std::ranges::all_of(
             text, [&small](char c) { return small(c) || (c >= '0' && c <= '9') || c == '-'; });
}

std::string check_redis_url(std::string_view text) {
  if (text == "private") return {};
  if (text.starts_with("unix://")) return check_socket_path(text.substr(7));
  if (!text.starts_with("redis://")) return "it must be private, redis://... or unix://...";
  std::string_view place = text.substr(8);
  const std::size_t slash = place.find('/');
  if (slash != std::string_view::npos && !is_number(place.substr(slash + 1), 65535)) {
    return "behind the / is the number of the database";
  }
  place = place.substr(0, slash);
  if (place.find('@') != std::string_view::npos) {
    return "the password belongs into a file of its own (password_file)";
  }
  std::string_view host;
  std::string_view port;
  if (!split_port(place, host, port) || host.empty()) return "host and port are needed";
  return {};
}

bool is_effect(std::string_view text) {
  return text == "readonly" || text == "idempotent" || text == "once";
}

std::optional<Polling> parse_polling(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Polling>, 8> kWords = {
      {{"ANY", Polling::kAny},
       {"ALL", Polling::kAll},
       {"ALL_ASYNC", Polling::kAllAsync},
       {"HASH", Polling::kHash},
       {"1", Polling::kAny},
       {"2", Polling::kAll},
       {"3", Polling::kAllAsync},
       {"4", Polling::kHash}}};
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  for (const auto& entry : kWords) {
    if (std::ranges::equal(text, entry.first, {}, upper)) return entry.second;
  }
  return std::nullopt;
}

}  // namespace flow::config
