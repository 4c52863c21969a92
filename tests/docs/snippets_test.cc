// The flow files that the documentation shows: they load, and those that are files of examples/ are
// shown as they are.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/flow_file.h"

namespace {

namespace fs = std::filesystem;
using namespace flow;

const fs::path kSource = FLOW_SOURCE_DIR;
constexpr std::string_view kShown = "# examples/";  // first line of a block that is a file

struct Block {
  std::string page;
  std::size_t line = 0;  // of its first line in the page
  std::string text;
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Block> toml_blocks(const fs::path& page) {
  std::vector<Block> blocks;
  std::istringstream text(read(page));
  std::optional<Block> open;
  std::size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (open && line.starts_with("```")) {
      blocks.push_back(*std::move(open));
      open.reset();
    } else if (open) {
      open->text += line + "\n";
    } else if (line == "```toml") {
      open = Block{page.filename(), number + 1, {}};
    }
  }
  return blocks;
}

std::vector<Block> all_blocks() {
  std::vector<Block> blocks = toml_blocks(kSource / "README.md");
  for (const fs::directory_entry& page : fs::directory_iterator(kSource / "docs")) {
    if (page.path().extension() != ".md") continue;
    for (Block& block : toml_blocks(page.path()))
      blocks.push_back(std::move(block));
  }
  return blocks;
}

// A part of a flow file becomes a whole one: with a [flow], and with executors for the needs that
// it does not show.
std::string completed(const std::string& text) {
  if (text.find("[flow]") != std::string::npos) return text;
  const bool keys_alone =
      text.find("[[executor]]") == std::string::npos && text.find("[gateway]") == std::string::npos;
  return "[flow]\nname = \"docs\"\n" + std::string(keys_alone ? "[[executor]]\n" : "") + text;
}

// Errors of the block, a line each. Needs that a part does not show are none.
std::string mistakes(const Block& block) {
  config::LoadOptions options;
  options.find_programs = false;
  const std::string text = completed(block.text);
  const bool whole = text == block.text;
  const config::LoadResult loaded = config::load_flow_text(text, block.page, options);
  std::string found;
  for (const graph::Diagnostic& diagnostic : loaded.diagnostics.all()) {
    const bool not_shown = !whole && diagnostic.message.find(" needs '") != std::string::npos;
    if (diagnostic.severity == graph::Severity::kError && !not_shown) {
      found += fmt::format("{} {}\n", diagnostic.code, diagnostic.message);
    }
  }
  return found;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

TEST_CASE("every flow file in the documentation loads") {
  const std::vector<Block> blocks = all_blocks();
  CHECK(blocks.size() > 20);
  for (const Block& block : blocks) {
    INFO(block.page, ":", block.line, "\n", block.text);
    CHECK(mistakes(block) == "");
  }
}

TEST_CASE("a file of examples/ is shown as it is") {
  std::set<std::string> shown;
  for (const Block& block : all_blocks()) {
    const std::string line = first_line(block.text);
    if (!line.starts_with(kShown)) continue;
    INFO(block.page, ":", block.line);
    const std::string file = line.substr(2);
    CHECK(block.text == read(kSource / file));
    shown.insert(file);
  }
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(kSource / "examples/coming-from-jina")) {
    if (entry.path().extension() != ".toml") continue;
    const std::string file = fs::relative(entry.path(), kSource).string();
    INFO(file);
    CHECK(shown.contains(file));
  }
}
