#include "base/text.h"

#include <doctest/doctest.h>

#include <array>

namespace flow {

constexpr std::array<std::string_view, 4> kNames = {"needs", "name", "shards", "replicas"};

TEST_CASE("a misspelt name finds the one that was meant") {
  CHECK(did_you_mean("neds", kNames) == "needs");
  CHECK(did_you_mean("shrads", kNames) == "shards");  // neighbours swapped cost one
  CHECK(did_you_mean("replicsa", kNames) == "replicas");
  CHECK(did_you_mean("nam", kNames) == "name");
}

TEST_CASE("a name that is far from all others finds nothing") {
  CHECK_FALSE(did_you_mean("polling", kNames));
  CHECK_FALSE(did_you_mean("", kNames));
  CHECK_FALSE(did_you_mean("name", {}));
  CHECK_FALSE(did_you_mean(std::string(1000, 'n'), kNames));
}

TEST_CASE("of two names equally near the first is taken") {
  constexpr std::array<std::string_view, 2> kTwins = {"ab", "ac"};
  CHECK(did_you_mean("ad", kTwins) == "ab");
}

TEST_CASE("join puts the separator between and split takes it apart") {
  const std::vector<std::string> items = {"a", "", "c"};
  CHECK(join(items, ", ") == "a, , c");
  CHECK(join({}, ", ").empty());
  CHECK(split("a,,c", ',') == std::vector<std::string_view>{"a", "", "c"});
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(split("a,", ',') == std::vector<std::string_view>{"a", ""});
}

TEST_CASE("trim takes space from both ends only") {
  CHECK(trim("  a b\t\n") == "a b");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
}

}  // namespace flow
