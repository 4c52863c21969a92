#include "base/units.h"

#include <doctest/doctest.h>

namespace flow {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("sizes are a number and a unit") {
  CHECK(*parse_size("0B") == 0);
  CHECK(*parse_size("17B") == 17);
  CHECK(*parse_size("16MiB") == 16U << 20);
  CHECK(*parse_size(" 1.5 KiB ") == 1536);
  CHECK(*parse_size("3GiB") == 3ULL << 30);
}

TEST_CASE("times are a number and a unit") {
  CHECK(*parse_duration("250us") == microseconds(250));
  CHECK(*parse_duration("1.5s") == milliseconds(1500));
  CHECK(*parse_duration("0.1ms") == microseconds(100));
  CHECK(*parse_duration("2 m") == seconds(120));
  CHECK(*parse_duration("1h") == hours(1));
}

TEST_CASE("what is no size or time is refused and quoted") {
  for (const char* text : {"", "MiB", "5", "5MB", "-1B", "1.B", ".5B", "1.2.3B", "5 mib", "1e3B"}) {
    CAPTURE(text);
    const auto size = parse_size(text);
    REQUIRE_FALSE(size);
    CHECK(size.error().code == Errc::kInvalidArgument);
    CHECK(size.error().message.find("\"" + std::string(text) + "\"") != std::string::npos);
    CHECK(size.error().message.find("MiB") != std::string::npos);
  }
  CHECK_FALSE(parse_duration("5 sec"));
  CHECK_FALSE(parse_duration("5"));
}

TEST_CASE("a size or time that does not fit is refused, the largest one is not") {
  CHECK(*parse_size("17179869183GiB") == 17179869183ULL << 30);
  CHECK_FALSE(parse_size("17179869184GiB"));
  CHECK_FALSE(parse_size("99999999999999999999B"));
  CHECK_FALSE(parse_duration("2562048h"));
  CHECK(*parse_duration("2562047h") == hours(2562047));
}

TEST_CASE("amounts print with the largest unit they reach and read back") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(12U << 20) == "12 MiB");
  CHECK(format_size(1536) == "1.5 KiB");
  CHECK(format_duration(microseconds(230)) == "230 us");
  CHECK(format_duration(milliseconds(1500)) == "1.5 s");
  CHECK(format_duration(milliseconds(-20)) == "-20 ms");
  CHECK(format_duration(Duration::zero()) == "0 us");
  CHECK(*parse_duration(format_duration(seconds(90))) == seconds(90));
}

}  // namespace flow
