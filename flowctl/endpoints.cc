#include "flowctl/endpoints.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/json.h"

namespace flow::flowctl {
namespace {

Value text_or_null(const std::string& text) {
  return text.empty() ? Value() : Value(text);
}

std::string text_of(const ValueMap& map, std::string_view key) {
  const Value* value = map.find(key);
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : *text;
}

}  // namespace

std::string endpoints_json(const Endpoints& endpoints) {
  ValueMap pids;
  for (const auto& [name, pid] : endpoints.pids)
    pids.set(name, std::int64_t{pid});
  ValueMap map;
  map.append("flow", endpoints.flow);
  map.append("gateway", text_or_null(endpoints.gateway));
  map.append("broker", text_or_null(endpoints.broker));
  map.append("redis", text_or_null(endpoints.redis));
  map.append("http", text_or_null(endpoints.http));
  map.append("pids", std::move(pids));
  return to_json(Value(std::move(map))) + "\n";
}

Result<Endpoints> parse_endpoints(std::string_view text) {
  Result<Value> value = parse_json(text);
  if (!value) return std::move(value).error();
  const ValueMap* map = value->if_map();
  if (map == nullptr) return Error{Errc::kInvalidArgument, "endpoints.json is no JSON object"};
  Endpoints endpoints;
  endpoints.flow = text_of(*map, "flow");
  endpoints.gateway = text_of(*map, "gateway");
  endpoints.broker = text_of(*map, "broker");
  endpoints.redis = text_of(*map, "redis");
  endpoints.http = text_of(*map, "http");
  const Value* pids = map->find("pids");
  if (pids == nullptr || pids->if_map() == nullptr) return endpoints;
  for (const auto& [name, pid] : *pids->if_map()) {
    if (pid.if_int() != nullptr && *pid.if_int() > 0) {
      endpoints.pids.emplace_back(name, static_cast<pid_t>(*pid.if_int()));
    }
  }
  return endpoints;
}

Result<Endpoints> read_endpoints(const std::string& dir) {
  std::ifstream file(dir + "/endpoints.json", std::ios::binary);
  if (!file) return Error{Errc::kNotFound, fmt::format("there is no {}/endpoints.json", dir)};
  std::ostringstream text;
  text << file.rdbuf();
  return parse_endpoints(text.str());
}

Status write_endpoints(const std::string& dir, const Endpoints& endpoints) {
  const std::string path = dir + "/endpoints.json";
  const std::string draft = fmt::format("{}.{}", path, ::getpid());
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file << endpoints_json(endpoints);
    file.close();
    if (!file) {
      return Error{Errc::kInternal,
                   fmt::format("cannot write {}: {}", draft, std::strerror(errno))};
    }
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return Error{Errc::kInternal, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  }
  return {};
}

}  // namespace flow::flowctl
