#include "client/gate.h"

#include <doctest/doctest.h>

#include <thread>

using namespace std::chrono_literals;

namespace flow::client {

TEST_CASE("a gate lets in as many as its limit and one more for each that leaves") {
  Gate gate(2);
  CHECK(gate.try_enter());
  CHECK(gate.try_enter());
  CHECK_FALSE(gate.try_enter());
  gate.leave();
  CHECK(gate.try_enter());
}

TEST_CASE("who waits at a full gate gives up after its patience") {
  Gate gate(1);
  REQUIRE(gate.try_enter());
  CHECK_FALSE(gate.enter(1ms));
}

TEST_CASE("who waits at a full gate gets the place of one that leaves") {
  Gate gate(1);
  REQUIRE(gate.try_enter());
  bool entered = false;
  std::thread waiting([&] { entered = gate.enter(Duration::max()); });
  gate.leave();
  waiting.join();
  CHECK(entered);
}

TEST_CASE("a raised limit lets in who waits; a lowered one keeps out") {
  Gate gate(1);
  REQUIRE(gate.try_enter());
  bool entered = false;
  std::thread waiting([&] { entered = gate.enter(Duration::max()); });
  gate.set_limit(2);
  waiting.join();
  CHECK(entered);
  gate.set_limit(1);
  gate.leave();
  CHECK_FALSE(gate.try_enter());
}

}  // namespace flow::client
