#include "graph/devices.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace flow::graph {
namespace {

// What each of `replicas` gets, "1,3,1"; else "error: message".
std::string in_turn(std::string_view value, std::uint32_t count, std::uint32_t replicas) {
  const Result<DeviceSelector> selector = DeviceSelector::parse(value);
  if (!selector) return "error: " + selector.error().message;
  std::string all;
  for (std::uint32_t replica = 0; replica < replicas; ++replica) {
    const Result<std::string> device = selector->device(replica, count);
    if (!device) return "error: " + device.error().message;
    all += (replica == 0 ? "" : ",") + *device;
  }
  return all;
}

// All that it selects.
std::string of(std::string_view value, std::uint32_t count) {
  const Result<DeviceSelector> selector = DeviceSelector::parse(value);
  if (!selector) return "error: " + selector.error().message;
  const Result<std::vector<std::string>> found = selector->devices(count);
  return found ? fmt::format("{}", fmt::join(*found, ",")) : "error: " + found.error().message;
}

std::string refusal(std::string_view value) {
  const Result<DeviceSelector> selector = DeviceSelector::parse(value);
  return selector ? "accepted" : selector.error().message;
}

TEST_CASE("only a value that begins with RR is a selector") {
  for (const char* value : {"RR", "RR0", "RR1:3", "RRGPU-a"})
    CHECK(DeviceSelector::is_one(value));
  for (const char* value : {"", "0", "1,2", "R", "rr", " RR", "GPU-RR"})
    CHECK_FALSE(DeviceSelector::is_one(value));
}

TEST_CASE("replicas get the selected devices in turn") {
  CHECK(in_turn("RR", 3, 5) == "0,1,2,0,1");
  CHECK(in_turn("RR1:", 3, 5) == "1,2,1,2,1");
  CHECK(in_turn("RR0:2", 3, 5) == "0,1,0,1,0");
  CHECK(in_turn("RR1:2", 3, 2) == "1,1");
  CHECK(in_turn("RR2", 3, 2) == "2,2");
  CHECK(in_turn("RR0,2,3", 4, 5) == "0,2,3,0,2");
  CHECK(in_turn("RR1,3", 4, 5) == "1,3,1,3,1");
  CHECK(in_turn("RRUUID1,UUID2,UUID3", 0, 5) == "UUID1,UUID2,UUID3,UUID1,UUID2");
}

TEST_CASE("a slice selects what it selects in Python") {
  CHECK(of("RR-2:", 4) == "2,3");
  CHECK(of("RR::2", 4) == "0,2");
  CHECK(of("RR3:0:-1", 4) == "3,2,1");
  CHECK(of("RR0:9", 4) == "0,1,2,3");
  CHECK(of("RR:3", 4) == "0,1,2");
  CHECK(of("RR::-1", 4) == "3,2,1,0");
  CHECK(of("RR:", 4) == "0,1,2,3");
  CHECK(of("RR::", 4) == "0,1,2,3");
  CHECK(of("RR:-1", 4) == "0,1,2");
  CHECK(of("RR-9:2", 4) == "0,1");
  CHECK(of("RR9::-2", 4) == "3,1");
  CHECK(of("RR-99999999999999999999:99999999999999999999:3", 4) == "0,3");
}

TEST_CASE("a negative number counts from the last device") {
  CHECK(of("RR-1", 4) == "3");
  CHECK(of("RR-4", 4) == "0");
  CHECK(of("RR-1,0,-2", 4) == "3,0,2");
}

TEST_CASE("brackets may stand around a number or a slice, and spaces between the parts") {
  CHECK(of("RR[2]", 4) == "2");
  CHECK(of("RR[-1]", 4) == "3");
  CHECK(of("RR[1:3]", 4) == "1,2");
  CHECK(of("RR[:]", 4) == "0,1,2,3");
  CHECK(of("RR 1 , 3", 4) == "1,3");
  CHECK(of("RR [ 1 : 3 ] ", 4) == "1,2");
  CHECK(of("RR ", 2) == "0,1");
  for (const char* value : {"RR[1,3]", "RR[]", "RR[GPU-a]", "RR[1", "RR1]", "RR[[1]]", "RR[1][2]"})
    CHECK(refusal(value) == fmt::format("'{}' selects no devices: brackets stand around one number "
                                        "or one slice",
                                        value));
}

TEST_CASE("a device may be there twice: it then gets twice as many replicas") {
  CHECK(in_turn("RR0,0,1", 2, 4) == "0,0,1,0");
}

TEST_CASE("UUIDs are passed as they are, whatever the number of devices") {
  const std::string mig = "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0";
  CHECK(of("RRGPU-a, " + mig, 0) == "GPU-a," + mig);
  CHECK(of("RRGPU-a,0", 0) == "GPU-a,0");
  CHECK_FALSE(DeviceSelector::parse("RRGPU-a")->needs_count());
  CHECK(DeviceSelector::parse("RR")->needs_count());
  CHECK(DeviceSelector::parse("RR1")->needs_count());
  CHECK(DeviceSelector::parse("RR1,3")->needs_count());
}

TEST_CASE("what is no selector is refused with what is wrong") {
  CHECK(refusal("RR1,3,") == "'RR1,3,' selects no devices: an entry of the list is empty");
  CHECK(refusal("RR,") == "'RR,' selects no devices: an entry of the list is empty");
  CHECK(refusal("RRGPU-a,,GPU-b") ==
        "'RRGPU-a,,GPU-b' selects no devices: an entry of the list is empty");
  CHECK(refusal("RR0,GPU-b") ==
        "'RR0,GPU-b' selects no devices: 'GPU-b' is no number, the entry before it is");
  CHECK(refusal("RR1,4:6") == "'RR1,4:6' selects no devices: '1,4' in a slice is no number");
  CHECK(refusal("RRa:b") == "'RRa:b' selects no devices: 'a' in a slice is no number");
  CHECK(refusal("RR1:2:3:4") == "'RR1:2:3:4' selects no devices: a slice has at most two colons");
  CHECK(refusal("RR::0") == "'RR::0' selects no devices: the step of a slice cannot be 0");
  CHECK(refusal("RR1.5") == "'RR1.5' selects no devices: '1.5' is no number and no UUID");
  CHECK(refusal("RR-") == "'RR-' selects no devices: '-' is no number and no UUID");
  CHECK(refusal("RR+1") == "'RR+1' selects no devices: '+1' is no number and no UUID");
  CHECK(refusal("RRGPU a") == "'RRGPU a' selects no devices: 'GPU a' is no number and no UUID");
  CHECK(refusal("RR1024") ==
        "'RR1024' selects no devices: a host has at most 1024 devices, not 1024");
  CHECK(refusal("RR-1025") ==
        "'RR-1025' selects no devices: a host has at most 1024 devices, not -1025");
  CHECK(refusal("RR1023") == "accepted");
}

TEST_CASE("a slice that is empty on every host is refused, one that is not is accepted") {
  for (const char* value : {"RR4:2", "RR0:0", "RR:0", "RR-1:-2", "RR-1:0", "RR0:3:-1", "RR1:1",
                            "RR-3:-1:-1", "RR2:-1:-1", "RR5000:", "RR1024:", "RR:-1024"}) {
    CHECK(refusal(value) ==
          fmt::format("'{}' selects no devices: the slice is empty, however many devices there are",
                      value));
  }
  for (const char* value : {"RR4:", "RR3:-1", "RR-2:1", "RR-2:0:-1", "RR1023:", "RR:-1023"})
    CHECK(refusal(value) == "accepted");
}

TEST_CASE("what the number of devices decides is told with that number") {
  CHECK(of("RR7", 4) == "error: 'RR7' names device 7, but there are 4 devices (0 to 3)");
  CHECK(of("RR1,9", 4) == "error: 'RR1,9' names device 9, but there are 4 devices (0 to 3)");
  CHECK(of("RR-2", 1) == "error: 'RR-2' names device -2, but there is 1 device (0)");
  CHECK(of("RR4:", 4) == "error: 'RR4:' selects none of 4 devices (0 to 3)");
  CHECK(of("RR", 0) == "error: 'RR' selects none of no devices");
  CHECK(of("RR0", 0) == "error: 'RR0' names device 0, but there are no devices");
  CHECK(of("RR4:", 5) == "4");
}

TEST_CASE("a selector is at most 4000 bytes, and a host at most 1024 devices") {
  std::string longest = "RRGPU-" + std::string(kMaxSelectorBytes - 6, 'a');
  CHECK(refusal(longest) == "accepted");
  longest += 'a';
  CHECK(refusal(longest).ends_with("has 4001 bytes, at most 4000 are possible"));
  CHECK(DeviceSelector::parse("RR")->devices(4'000'000'000)->size() == kMaxDevices);
}

// range(count)[start:stop:step] by its definition: walk along the step from the first position.
std::string by_definition(std::optional<int> start, std::optional<int> stop, int step, int count) {
  std::vector<int> found;
  for (int i = step > 0 ? 0 : count - 1; i >= 0 && i<count; i += step> 0 ? 1 : -1) {
    const auto bound = [count](int value) { return value < 0 ? value + count : value; };
    const int first = start ? bound(*start) : (step > 0 ? 0 : count - 1);
    const int from = step > 0 ? std::max(first, 0) : std::min(first, count - 1);
    const bool begun = step > 0 ? i >= from : i <= from;
    const bool over = stop && (step > 0 ? i >= bound(*stop) : i <= bound(*stop));
    if (begun && !over && (i - from) % step == 0) found.push_back(i);
  }
  return fmt::format("{}", fmt::join(found, ","));
}

TEST_CASE("random slices select what their definition says") {
  std::mt19937 random(3);
  const auto bound = [&random]() -> std::optional<int> {
    if (random() % 4 == 0) return std::nullopt;
    return static_cast<int>(random() % 21) - 10;
  };
  const auto text = [](std::optional<int> value) { return value ? fmt::format("{}", *value) : ""; };
  int some = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto start = bound();
    const auto stop = bound();
    const int step = random() % 2 == 0 ? 1 : static_cast<int>(random() % 9) - 4;
    const int count = 1 + static_cast<int>(random() % 9);
    if (step == 0) continue;
    const std::string value = fmt::format("RR{}:{}:{}", text(start), text(stop), step);
    CAPTURE(value);
    CAPTURE(count);
    const std::string expected = by_definition(start, stop, step, count);
    const std::string found = of(value, static_cast<std::uint32_t>(count));
    if (expected.empty()) {
      CHECK(found.starts_with("error: "));
    } else {
      CHECK(found == expected);
      ++some;
    }
  }
  CHECK(some > 5'000);
}

TEST_CASE("random text is refused or selects devices that exist") {
  std::mt19937 random(4);
  constexpr std::string_view kLetters = "0123456789:,-[] RGUa/";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string value = "RR";
    for (auto left = random() % 8; left > 0; --left)
      value += kLetters[random() % kLetters.size()];
    CAPTURE(value);
    const Result<DeviceSelector> selector = DeviceSelector::parse(value);
    if (!selector) continue;
    ++accepted;
    const Result<std::vector<std::string>> found = selector->devices(8);
    if (!found) continue;
    REQUIRE_FALSE(found->empty());
    for (const std::string& device : *found) {
      const bool exists = device.size() == 1 && device[0] >= '0' && device[0] < '8';
      CHECK((exists || !selector->needs_count()));
    }
  }
  CHECK(accepted > 1'000);
}

}  // namespace
}  // namespace flow::graph
