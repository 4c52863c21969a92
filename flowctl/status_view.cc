#include "flowctl/status_view.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "base/units.h"
#include "flowctl/output.h"
#include "flowctl/supervisor.h"
#include "flowctl/table.h"

namespace flow::flowctl {
namespace {

std::string text_of(const ValueMap& map, std::string_view key) {
  const Value* value = map.find(key);
  if (value == nullptr) return {};
  if (const std::string* text = value->if_string()) return *text;
  if (const std::int64_t* number = value->if_int()) return fmt::format("{}", *number);
  if (const double* number = value->if_double()) return fmt::format("{:.0f}", *number);
  return {};
}

const ValueList& list_of(const ValueMap& map, std::string_view key) {
  static const ValueList kNone;
  const Value* value = map.find(key);
  const ValueList* list = value == nullptr ? nullptr : value->if_list();
  return list == nullptr ? kNone : *list;
}

// `since` is a time as "2026-11-21T03:46:23.229Z": how long ago that is, in whole seconds.
std::string age(const ValueMap& map) {
  const std::string since = text_of(map, "since");
  std::tm parts{};
  if (::strptime(since.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return since;
  const std::int64_t seconds =
      std::max<std::int64_t>(wall_clock_ms() / 1000 - std::int64_t{::timegm(&parts)}, 0);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

std::string size_text(const ValueMap& map, std::string_view key) {
  const Value* value = map.find(key);
  if (value == nullptr || !value->is_number() || value->number() <= 0) return {};
  return format_size(static_cast<std::uint64_t>(value->number()));
}

std::string micros_text(const ValueMap& map, std::string_view key) {
  const Value* value = map.find(key);
  if (value == nullptr || !value->is_number()) return {};
  return format_duration(Duration(static_cast<std::int64_t>(value->number() * 1000)));
}

std::string painted(std::string_view state, bool color) {
  if (!color) return std::string(state);
  const std::string_view paint = state == "ready"      ? "\x1b[32m"
                                 : state == "starting" ? "\x1b[33m"
                                 : state == "draining" ? "\x1b[33m"
                                 : state == "behind"   ? "\x1b[33m"
                                                       : "\x1b[31m";
  return fmt::format("{}{}\x1b[0m", paint, state);
}

// Whether it runs, but nobody answers at the far end it forwards to.
bool cut_off(const ValueMap& instance) {
  const Value* far_end = instance.find("far_end");
  const ValueMap* known = far_end == nullptr ? nullptr : far_end->if_map();
  const Value* reachable = known == nullptr ? nullptr : known->find("reachable");
  const bool serves = text_of(instance, "state") == "degraded";
  return serves && reachable != nullptr && reachable->if_bool() != nullptr &&
         !*reachable->if_bool();
}

std::string joined(const ValueList& list) {
  std::string text;
  for (const Value& entry : list) {
    if (const std::string* one = entry.if_string()) text += (text.empty() ? "" : ",") + *one;
  }
  return text;
}

bool any_devices(const ValueMap& status) {
  for (const Value& entry : list_of(status, "executors")) {
    const ValueMap* executor = entry.if_map();
    if (executor == nullptr) continue;
    for (const Value& one : list_of(*executor, "instances")) {
      const ValueMap* instance = one.if_map();
      if (instance != nullptr && !list_of(*instance, "devices").empty()) return true;
    }
  }
  return false;
}

// `devices`: there is a column for them, the last but one.
void add_instances(Table& table, const ValueMap& executor, bool devices) {
  const std::string uses = text_of(executor, "uses");
  const auto add = [&table, devices](std::vector<std::string> cells, const ValueMap& row) {
    if (devices) cells.push_back(joined(list_of(row, "devices")));
    cells.push_back(text_of(row, "reason"));
    table.add(std::move(cells));
  };
  const ValueList& instances = list_of(executor, "instances");
  if (instances.empty()) {
    add({text_of(executor, "name"), uses, text_of(executor, "state"), age(executor), "", "", "", "",
         "", "", ""},
        executor);
  }
  for (const Value& entry : instances) {
    const ValueMap* instance = entry.if_map();
    if (instance == nullptr) continue;
    add({text_of(*instance, "name"), uses, text_of(*instance, "state"), age(*instance),
         text_of(*instance, "id"), text_of(*instance, "pid"), text_of(*instance, "queue"),
         text_of(*instance, "in_flight"), text_of(*instance, "executed"),
         micros_text(*instance, "service_us"), size_text(*instance, "rss_bytes")},
        *instance);
  }
}

}  // namespace

std::string gateway_address(const ValueMap& status) {
  const Value* gateway = status.find("gateway");
  if (gateway == nullptr) return {};
  if (const std::string* text = gateway->if_string()) return *text;
  std::string address;
  if (const ValueList* list = gateway->if_list()) {
    for (const Value& entry : *list) {
      const std::string* text = entry.if_string();
      if (text != nullptr && (address.empty() || text->starts_with("tcp://"))) address = *text;
    }
  }
  return address;
}

std::string flow_state(const ValueMap& status) {
  return text_of(status, "state");
}

std::string status_names(const ValueMap& status) {
  std::string out;
  for (const Value& entry : list_of(status, "executors")) {
    const ValueMap* executor = entry.if_map();
    if (executor == nullptr) continue;
    const ValueList& instances = list_of(*executor, "instances");
    if (instances.empty()) out += harmless(text_of(*executor, "name")) + "\n";
    for (const Value& one : instances) {
      if (const ValueMap* instance = one.if_map())
        out += harmless(text_of(*instance, "name")) + "\n";
    }
  }
  return out;
}

std::string status_lines(const ValueMap& status) {
  std::string out;
  for (const Value& entry : list_of(status, "executors")) {
    const ValueMap* executor = entry.if_map();
    if (executor == nullptr) continue;
    for (const Value& one : list_of(*executor, "instances")) {
      const ValueMap* instance = one.if_map();
      if (instance == nullptr) continue;
      ValueMap line;
      line.append("executor", text_of(*executor, "name"));
      line.append("uses", text_of(*executor, "uses"));
      for (const auto& [key, value] : *instance)
        line.append(key, value);
      out += to_json(Value(std::move(line))) + "\n";
    }
  }
  return out;
}

std::string status_table(const ValueMap& status, bool color) {
  const std::string reason = text_of(status, "reason");
  std::string out = fmt::format("{}: {}{}, for {}, gateway {}\n", harmless(text_of(status, "flow")),
                                painted(harmless(flow_state(status)), color),
                                reason.empty() ? "" : fmt::format(" ({})", harmless(reason)),
                                age(status), harmless(gateway_address(status)));
  const std::string store = text_of(status, "store");
  if (!store.empty() && store != "connected")
    out += fmt::format("the broker's store: {}\n", harmless(store));
  const bool devices = any_devices(status);
  std::vector<std::string> header = {"INSTANCE", "USES",      "STATE",    "FOR",     "ID",    "PID",
                                     "QUEUE",    "IN FLIGHT", "EXECUTED", "SERVICE", "MEMORY"};
  if (devices) header.emplace_back("DEVICES");
  header.emplace_back("REASON");
  Table table(std::move(header));
  table.align_right({4, 5, 6, 7, 8, 9, 10});
  for (const Value& entry : list_of(status, "executors")) {
    if (const ValueMap* executor = entry.if_map()) add_instances(table, *executor, devices);
  }
  if (!table.empty()) out += table.render();
  return out;
}

std::vector<std::string> status_warnings(const ValueMap& status) {
  std::vector<std::string> warnings;
  for (const Value& entry : list_of(status, "executors")) {
    const ValueMap* executor = entry.if_map();
    if (executor == nullptr) continue;
    for (const Value& one : list_of(*executor, "warnings")) {
      if (const std::string* text = one.if_string())
        warnings.push_back(fmt::format("executor '{}': {}", harmless(text_of(*executor, "name")),
                                       harmless(*text)));
    }
  }
  return warnings;
}

// What runs elsewhere is not waited for: its forwarder is there, and that is enough.
std::vector<std::string> not_ready(const ValueMap& status) {
  std::vector<std::string> names;
  for (const Value& entry : list_of(status, "executors")) {
    const ValueMap* executor = entry.if_map();
    if (executor == nullptr || text_of(*executor, "state") == "ready") continue;
    std::size_t troubled = 0;
    for (const Value& one : list_of(*executor, "instances")) {
      const ValueMap* instance = one.if_map();
      if (instance == nullptr || text_of(*instance, "state") == "ready") continue;
      ++troubled;
      if (cut_off(*instance)) continue;
      names.push_back(
          fmt::format("{} ({})", text_of(*instance, "name"), text_of(*instance, "state")));
    }
    if (troubled == 0) {
      names.push_back(
          fmt::format("{} ({})", text_of(*executor, "name"), text_of(*executor, "state")));
    }
  }
  if (names.empty() && !status.empty()) names.push_back("the gateway");
  return names;
}

}  // namespace flow::flowctl
