#include "graph/explain.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/errc.h"

namespace flow::graph {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Every "E0107" or "W0201" in quotes in a file.
std::set<std::string> codes_in(const fs::path& path) {
  const std::string text = read(path);
  const std::regex code("\"([EW]0[0-9]{3})\"");
  std::set<std::string> codes;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), code); at != std::sregex_iterator();
       ++at) {
    codes.insert((*at)[1]);
  }
  return codes;
}

TEST_CASE("every code has an explanation, and every explanation belongs to a code") {
  std::set<std::string> explained;
  for (const auto entries : {file_explanations(), graph_explanations()}) {
    for (const Explanation& entry : entries) {
      CHECK(explained.insert(std::string(entry.code)).second);
    }
  }
  CHECK(explained.size() > 30);
  CHECK(explained == codes_in(fs::path(FLOW_SOURCE_DIR) / "lib/graph/codes.h"));
}

TEST_CASE("codes are spelled out in one place only") {
  for (const char* folder : {"lib/graph", "config"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(FLOW_SOURCE_DIR) / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cc" || entry.is_directory()) continue;
      CAPTURE(entry.path().string());
      CHECK(codes_in(entry.path()).empty());
    }
  }
}

TEST_CASE("every explanation has a title, and an example of what is wrong and of what is right") {
  for (const auto entries : {file_explanations(), graph_explanations()}) {
    for (const Explanation& entry : entries) {
      CAPTURE(std::string(entry.code));
      CHECK_FALSE(entry.title.empty());
      const bool warning = entry.code.starts_with('W');
      CHECK(entry.text.find(warning ? "Suspicious:" : "Wrong:") != std::string_view::npos);
      CHECK(entry.text.find(warning ? "Usual:" : "Right:") != std::string_view::npos);
    }
  }
}

TEST_CASE("every status code has an explanation") {
  REQUIRE(status_explanations().size() == kErrcCount);
  for (int code = 0; code < kErrcCount; ++code) {
    const auto name = to_string(static_cast<Errc>(code));
    CAPTURE(std::string(name));
    CHECK(find_explanation(name) != nullptr);
  }
}

TEST_CASE("an explanation is found in any letter case, an unknown code is not") {
  CHECK(explain("e0135").starts_with("E0135: executors wait for one another in a circle\n\n"));
  CHECK(explain("E9999").empty());
  CHECK(explain("not_found").starts_with("NOT_FOUND: "));
  CHECK(explain("").empty());
  CHECK(find_explanation("E013") == nullptr);
}

}  // namespace
}  // namespace flow::graph
