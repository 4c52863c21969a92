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

TEST_CASE("a rate option is a number of requests a second, or thousands of them") {
  CHECK(*parse_rate_option("500") == 500);
  CHECK(*parse_rate_option("0.5") == 0.5);
  CHECK(*parse_rate_option("2.5k") == 2500);
  CHECK(*parse_rate_option("1000k") == kFastestRate);
  CHECK(*parse_rate_option("0.001") == kSlowestRate);
}

TEST_CASE("what is no rate, or beyond all schedules, is refused and quoted") {
  for (const std::string text :
       {"", "k", "0", "-1", "abc", "5m", "2.5K", "1e3", "nan", "inf", "1001k", "0.0001", "5 k"}) {
    CAPTURE(text);
    const Result<double> rate = parse_rate_option(text);
    REQUIRE_FALSE(rate.ok());
    CHECK(rate.error().code == Errc::kInvalidArgument);
    CHECK(rate.error().message.find('"' + text) != std::string::npos);
  }
}

}  // namespace flow::flowctl
