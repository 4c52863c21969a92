#include "flowctl/option_values.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;

namespace flow::flowctl {

TEST_CASE("a size option is a number of bytes, with or without a unit") {
  CHECK(*parse_size_option("128") == 128);
  CHECK(*parse_size_option("128B") == 128);
  CHECK(*parse_size_option("4KiB") == 4096);
  CHECK(*parse_size_option("0") == 0);
  CHECK(*parse_size_option("512MiB") == kLargestOption);
}

TEST_CASE("what is no size, or more than any flow takes, is refused and quoted") {
  for (const std::string text : {"", "-1", "abc", "4k", "1.5", "513MiB", "99999999999999999999"}) {
    CAPTURE(text);
    const Result<std::uint64_t> size = parse_size_option(text);
    REQUIRE_FALSE(size.ok());
    CHECK(size.error().code == Errc::kInvalidArgument);
    CHECK(size.error().message.find('"' + text) != std::string::npos);
  }
}

TEST_CASE("a time option needs a unit and is at most a year") {
  CHECK(*parse_duration_option("1.5s") == 1500ms);
  CHECK(*parse_duration_option("8760h") == kLongestOption);
  CHECK_FALSE(parse_duration_option("5").ok());
  CHECK_FALSE(parse_duration_option("-5s").ok());
  CHECK_FALSE(parse_duration_option("8761h").ok());
}

}  // namespace flow::flowctl
