// FLOW_GOLDEN_DIR is this folder. A golden file is the first frame of a message; it only changes
// together with the wire format, by `golden_write tests/golden`.
#include "messages.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

namespace flow::wire::golden {
namespace {

std::string file_of(const Golden& golden) {
  const std::string path = std::string(FLOW_GOLDEN_DIR) + "/" + golden.name + ".bin";
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path << " is missing");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("messages are encoded into their golden bytes") {
  for (const Golden& golden : messages()) {
    CAPTURE(golden.name);
    CHECK(golden.message.first == Bytes::copy_of(file_of(golden)));
  }
}

TEST_CASE("golden bytes are read as what they were written from") {
  for (const Golden& golden : messages()) {
    CAPTURE(golden.name);
    Received received = golden.message;
    received.first = Bytes::copy_of(file_of(golden));
    CHECK(golden.reads_as_said(received));
  }
}

}  // namespace
}  // namespace flow::wire::golden
