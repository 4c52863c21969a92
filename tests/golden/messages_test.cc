// FLOW_GOLDEN_DIR is this folder. A golden file is the first frame of a message; it only changes
// together with the encoder's layout, by `golden_write tests/golden`; what it was before then goes
// into `earlier`: those were written by FlatBuffers' own builder, as other programs may use it.
#include "messages.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace flow::wire::golden {
namespace {

std::string path_of(const Golden& golden) {
  return std::string(FLOW_GOLDEN_DIR) + "/" + golden.name + ".bin";
}

Bytes read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path << " is missing");
  return Bytes::copy_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

bool reads_as_said(const Golden& golden, const std::string& path) {
  Received received = golden.message;
  received.first = read(path);
  return golden.reads_as_said(received);
}

TEST_CASE("messages are encoded into their golden bytes") {
  for (const Golden& golden : messages()) {
    CAPTURE(golden.name);
    CHECK(golden.message.first == read(path_of(golden)));
  }
}

TEST_CASE("golden bytes are read as what they were written from") {
  for (const Golden& golden : messages()) {
    CAPTURE(golden.name);
    CHECK(reads_as_said(golden, path_of(golden)));
  }
}

TEST_CASE("bytes that encoders made earlier are read as what they were written from") {
  const std::filesystem::path earlier = std::filesystem::path(FLOW_GOLDEN_DIR) / "earlier";
  std::size_t found = 0;
  for (const Golden& golden : messages()) {
    const std::filesystem::path path = earlier / (golden.name + ".bin");
    if (!std::filesystem::exists(path)) continue;
    CAPTURE(path);
    CHECK(reads_as_said(golden, path));
    ++found;
  }
  CHECK(found == 10);  // files there
}

}  // namespace
}  // namespace flow::wire::golden
