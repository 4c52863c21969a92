#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "flow/executor.h"

namespace flow {
namespace {

[[noreturn]] void wrong_type(std::string_view key, std::string_view expected, const Value& value) {
  throw ConfigError(
      fmt::format("with.{} must be a {}, not a {}", key, expected, to_string(value.kind())));
}

}  // namespace

const Value* ExecutorConfig::find(std::string_view key) const {
  if (std::ranges::find(asked_, key) == asked_.end()) asked_.emplace_back(key);
  return with_.find(key);
}

std::string ExecutorConfig::get(std::string_view key, const char* fallback) const {
  return get(key, std::string(fallback));
}

std::string ExecutorConfig::get(std::string_view key, const std::string& fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->if_string() == nullptr) wrong_type(key, "string", *value);
  return *value->if_string();
}

std::int64_t ExecutorConfig::get(std::string_view key, int fallback) const {
  return get(key, std::int64_t{fallback});
}

std::int64_t ExecutorConfig::get(std::string_view key, std::int64_t fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->if_int() == nullptr) wrong_type(key, "whole number", *value);
  return *value->if_int();
}

double ExecutorConfig::get(std::string_view key, double fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) wrong_type(key, "number", *value);
  return value->number();
}

bool ExecutorConfig::get(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->if_bool() == nullptr) wrong_type(key, "bool", *value);
  return *value->if_bool();
}

const ValueMap& ExecutorConfig::with() const {
  for (const auto& [key, value] : with_)
    find(key);
  return with_;
}

std::vector<std::string> ExecutorConfig::unused() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : with_) {
    if (std::ranges::find(asked_, key) == asked_.end()) keys.push_back(key);
  }
  return keys;
}

const std::string& ExecutorConfig::make_workspace() const {
  namespace fs = std::filesystem;
  std::error_code error;
  const bool made = fs::create_directories(workspace, error);
  if (!error && !fs::is_directory(workspace, error)) {
    error = error ? error : std::make_error_code(std::errc::not_a_directory);
  }
  if (!error && made) {
    fs::permissions(workspace, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec,
                    error);
  }
  if (error) {
    throw ConfigError(
        fmt::format("cannot make the workspace '{}': {}", workspace, error.message()));
  }
  return workspace;
}

}  // namespace flow
