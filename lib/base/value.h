// Value: a typed, JSON-like value: null, bool, int, double, string, bytes, list or map.
//
// Tags, parameters, `with` tables and dictionary results are Values. Numbers keep their kind: an
// int stays an int. A value type: copies are deep, comparable, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace flow {

class Value;

using ValueList = std::vector<Value>;

// String keys in the order they were set; keys are unique. Lookups are linear: maps are small.
// Equality ignores the order.
class ValueMap {
 public:
  using Entry = std::pair<std::string, Value>;
  using Entries = std::vector<Entry>;

  ValueMap() = default;
  ValueMap(std::initializer_list<Entry> entries);

  const Value* find(std::string_view key) const;  // nullptr when missing
  Value* find(std::string_view key);
  Value& operator[](std::string_view key);  // appends a null when missing
  void set(std::string_view key, Value value);
  bool erase(std::string_view key);  // whether it was there

  // Appends without looking for the key: for decoders, which hand in unique keys.
  void append(std::string key, Value value);

  std::size_t size() const;
  bool empty() const;
  Entries::const_iterator begin() const;
  Entries::const_iterator end() const;
  Entries::iterator begin();
  Entries::iterator end();

  friend bool operator==(const ValueMap& a, const ValueMap& b);

 private:
  Entries entries_;
};

// A byte string, so that it cannot be mistaken for text.
struct ByteString {
  std::string bytes;
  friend bool operator==(const ByteString&, const ByteString&) = default;
};

class Value {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kDouble, kString, kBytes, kList, kMap };

  Value() = default;
  Value(std::nullptr_t) {}                                  // NOLINT(google-explicit-constructor)
  Value(bool value) : state_(value) {}                      // NOLINT(google-explicit-constructor)
  Value(int value) : state_(std::int64_t{value}) {}         // NOLINT(google-explicit-constructor)
  Value(std::int64_t value) : state_(value) {}              // NOLINT(google-explicit-constructor)
  Value(double value) : state_(value) {}                    // NOLINT(google-explicit-constructor)
  Value(const char* value) : state_(std::string(value)) {}  // NOLINT(google-explicit-constructor)
  Value(std::string value) : state_(std::move(value)) {}    // NOLINT(google-explicit-constructor)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Value(std::string_view value) : state_(std::string(value)) {}
  Value(ByteString value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Value(ValueList value) : state_(std::move(value)) {}   // NOLINT(google-explicit-constructor)
  Value(ValueMap value) : state_(std::move(value)) {}    // NOLINT(google-explicit-constructor)

  Kind kind() const { return static_cast<Kind>(state_.index()); }
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_number() const { return kind() == Kind::kInt || kind() == Kind::kDouble; }

  // Typed access; nullptr when the kind is another.
  const bool* if_bool() const { return std::get_if<bool>(&state_); }
  const std::int64_t* if_int() const { return std::get_if<std::int64_t>(&state_); }
  const double* if_double() const { return std::get_if<double>(&state_); }
  const std::string* if_string() const { return std::get_if<std::string>(&state_); }
  const ByteString* if_bytes() const { return std::get_if<ByteString>(&state_); }
  const ValueList* if_list() const { return std::get_if<ValueList>(&state_); }
  ValueList* if_list() { return std::get_if<ValueList>(&state_); }
  const ValueMap* if_map() const { return std::get_if<ValueMap>(&state_); }
  ValueMap* if_map() { return std::get_if<ValueMap>(&state_); }

  // An int or double as a double; 0 for any other kind.
  double number() const;

  // Same kind and same content (5 and 5.0 differ here).
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, ByteString, ValueList,
               ValueMap>
      state_;
};

// Defined here, where Value is complete: clang needs that.
inline std::size_t ValueMap::size() const {
  return entries_.size();
}
inline bool ValueMap::empty() const {
  return entries_.empty();
}
inline ValueMap::Entries::const_iterator ValueMap::begin() const {
  return entries_.begin();
}
inline ValueMap::Entries::const_iterator ValueMap::end() const {
  return entries_.end();
}
inline ValueMap::Entries::iterator ValueMap::begin() {
  return entries_.begin();
}
inline ValueMap::Entries::iterator ValueMap::end() {
  return entries_.end();
}

// "null", "bool", "int", "double", "string", "bytes", "list", "map".
std::string_view to_string(Value::Kind kind);

}  // namespace flow
