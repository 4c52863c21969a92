#include "route/parameters.h"

#include <doctest/doctest.h>

namespace {

using flow::Value;
using flow::ValueMap;
using flow::route::parameters_for;

}  // namespace

TEST_CASE("an executor's own key overrides the plain one, keys of others vanish") {
  const ValueMap sent = {{"key", 1}, {"executor__key", 2}, {"wrong_executor__key", 3}};

  CHECK(parameters_for(sent, "executor") == ValueMap{{"key", 2}});
  CHECK(parameters_for(sent, "other") == ValueMap{{"key", 1}});
}

TEST_CASE("an executor's own key is added where there is no plain one") {
  const ValueMap sent = {{"a", 1}, {"executor__key", 2}, {"wrong_executor__key", 3}};

  CHECK(parameters_for(sent, "executor") == ValueMap{{"a", 1}, {"key", 2}});
}

TEST_CASE("each executor of a chain sees its own parameters") {
  const ValueMap sent = {{"key_1", true}, {"exec2__key_2", false}};

  CHECK(parameters_for(sent, "exec1") == ValueMap{{"key_1", true}});
  CHECK(parameters_for(sent, "exec2") == ValueMap{{"key_1", true}, {"key_2", false}});
}

TEST_CASE("underscores belong to names and keys, only the last pair divides") {
  CHECK(parameters_for({{"executor_1__key", 5}}, "executor_1") == ValueMap{{"key", 5}});
  CHECK(parameters_for({{"a__b__key", 5}}, "a__b") == ValueMap{{"key", 5}});
  CHECK(parameters_for({{"enc___key", 5}}, "enc_") == ValueMap{{"key", 5}});
  CHECK(parameters_for({{"enc___key", 5}}, "enc") == ValueMap{{"_key", 5}});
}

TEST_CASE("keys that begin or end with the mark are plain") {
  const ValueMap sent = {{"__results__", 1}, {"__banana__", 2}, {"key_1", 3}, {"key__", 4}};

  CHECK(parameters_for(sent, "executor") == sent);
}

TEST_CASE("a nested map of the executor's name is merged and stays") {
  const ValueMap nested = {{"top", 3}};
  const ValueMap sent = {{"top", 10}, {"index", nested}, {"other", ValueMap{{"top", 7}}}};

  const ValueMap seen = parameters_for(sent, "index");

  CHECK(*seen.find("top") == Value(3));
  CHECK(*seen.find("index") == Value(nested));
  CHECK(seen.size() == 3);
}

TEST_CASE("the nested form goes over the marked one, and kinds are kept") {
  const ValueMap sent = {{"index__top", 5}, {"index", ValueMap{{"top", 4.0}}}};

  CHECK(*parameters_for(sent, "index").find("top") == Value(4.0));
}
