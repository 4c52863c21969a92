#include "base/address.h"

#include <doctest/doctest.h>

using flow::check_listen_address;

TEST_CASE("loopback and sockets' paths are open to nobody else") {
  for (const char* text :
       {"tcp://127.0.0.1:0", "tcp://127.9.9.9:65535", "tcp://[::1]:1", "ipc:///run/x"}) {
    CAPTURE(text);
    CHECK(check_listen_address(text, false, "--insecure").empty());
  }
}

TEST_CASE("what others could reach must be permitted, and the way to do so is named") {
  const std::string wrong = check_listen_address("tcp://0.0.0.0:1", false, "--insecure");
  CHECK(wrong.find("`--insecure`") != std::string::npos);
  CHECK(check_listen_address("tcp://0.0.0.0:1", true, "").empty());
  CHECK_FALSE(check_listen_address("tcp://[::]:1", false, "").empty());
}

TEST_CASE("what is no address is refused") {
  for (const char* text :
       {"", "tcp", "tcp://", "tcp://:1", "tcp://localhost:1", "tcp://127.0.0.1",
        "tcp://127.0.0.1:x", "tcp://127.0.0.1:65536", "udp://127.0.0.1:1", "ipc://x", "ipc://"}) {
    CAPTURE(text);
    CHECK_FALSE(check_listen_address(text, true, "").empty());
  }
  CHECK_FALSE(check_listen_address("ipc:///" + std::string(200, 'x'), true, "").empty());
}
