#include "base/value.h"

#include <doctest/doctest.h>

namespace flow {

TEST_CASE("a value knows its kind and gives nothing else") {
  CHECK(Value().is_null());
  CHECK(Value(true).kind() == Value::Kind::kBool);
  CHECK(Value(5).kind() == Value::Kind::kInt);
  CHECK(Value(5.0).kind() == Value::Kind::kDouble);
  CHECK(Value("a").kind() == Value::Kind::kString);
  CHECK(Value(ByteString{"a"}).kind() == Value::Kind::kBytes);
  CHECK(Value(ValueList{}).kind() == Value::Kind::kList);
  CHECK(Value(ValueMap{}).kind() == Value::Kind::kMap);
  CHECK(Value(5).if_double() == nullptr);
  CHECK(Value(5).number() == 5.0);
  CHECK(Value("5").number() == 0.0);
  CHECK(to_string(Value::Kind::kMap) == "map");
}

TEST_CASE("kinds that look alike are not equal") {
  CHECK(Value(5) != Value(5.0));
  CHECK(Value(1) != Value(true));
  CHECK(Value("a") != Value(ByteString{"a"}));
  CHECK(Value() != Value(false));
}

TEST_CASE("a map keeps the order and its equality does not look at it") {
  ValueMap map = {{"b", 1}, {"a", 2}};
  map.set("c", 3);
  map.set("b", 4);
  CHECK(map.size() == 3);
  CHECK(map.begin()->first == "b");
  CHECK(*map.find("b") == Value(4));
  CHECK(map == ValueMap{{"a", 2}, {"b", 4}, {"c", 3}});
  CHECK(map != ValueMap{{"a", 2}, {"b", 4}, {"d", 3}});
  CHECK(map.erase("b"));
  CHECK_FALSE(map.erase("b"));
  CHECK(map.find("b") == nullptr);
}

}  // namespace flow
