#include "base/value.h"

#include <algorithm>
#include <array>

namespace flow {

ValueMap::ValueMap(std::initializer_list<Entry> entries) : entries_(entries) {}

const Value* ValueMap::find(std::string_view key) const {
  const auto it = std::ranges::find(entries_, key, &Entry::first);
  return it == entries_.end() ? nullptr : &it->second;
}

Value* ValueMap::find(std::string_view key) {
  const auto it = std::ranges::find(entries_, key, &Entry::first);
  return it == entries_.end() ? nullptr : &it->second;
}

Value& ValueMap::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return entries_.emplace_back(std::string(key), Value()).second;
}

void ValueMap::set(std::string_view key, Value value) {
  (*this)[key] = std::move(value);
}

bool ValueMap::erase(std::string_view key) {
  const auto it = std::ranges::find(entries_, key, &Entry::first);
  if (it == entries_.end()) return false;
  entries_.erase(it);
  return true;
}

void ValueMap::append(std::string key, Value value) {
  entries_.emplace_back(std::move(key), std::move(value));
}

bool operator==(const ValueMap& a, const ValueMap& b) {
  return a.size() == b.size() && std::ranges::all_of(a, [&b](const ValueMap::Entry& entry) {
           const Value* other = b.find(entry.first);
           return other != nullptr && *other == entry.second;
         });
}

double Value::number() const {
  if (const std::int64_t* value = if_int()) return static_cast<double>(*value);
  if (const double* value = if_double()) return *value;
  return 0;
}

bool operator==(const Value& a, const Value& b) {
  return a.state_ == b.state_;
}

std::string_view to_string(Value::Kind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"null",   "bool",  "int",  "double",
                                                      "string", "bytes", "list", "map"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace flow
