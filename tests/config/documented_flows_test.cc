// The flow files in the documentation load: every ```toml block of it.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

std::vector<std::string> toml_blocks(const std::string& path) {
  std::ifstream stream(path);
  REQUIRE(stream);
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(stream, line);) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    } else if (line == "```toml") {
      inside = true;
      blocks.emplace_back();
    }
  }
  return blocks;
}

// A block may leave out what every file begins with, and hold just keys of an executor.
std::string completed(std::string block) {
  if (block.find("[[executor]]") == std::string::npos) block = "[[executor]]\n" + block;
  if (block.find("[flow]") == std::string::npos) block = "[flow]\nname = \"test\"\n" + block;
  return block;
}

TEST_CASE("every flow of the page on flow files loads, and none is suspicious") {
  const std::vector<std::string> blocks = toml_blocks(FLOW_DOCS "/flow-files.md");
  CHECK(blocks.size() >= 7);
  for (const std::string& block : blocks) {
    CAPTURE(block);
    CHECK(report_text(load_flow_text(completed(block), "block.toml", quiet())) == "");
  }
}

}  // namespace
}  // namespace flow::config
