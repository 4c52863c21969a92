#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<fs::path> bad_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(FLOW_BAD_FILES)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

LoadResult load_bad(const fs::path& file) {
  LoadOptions options = quiet();
  options.environment =
      environment({{"FLOW_EXECUTOR_PATH", "/nowhere/executors"}, {"PATH", "/nowhere/bin"}});
  return load_flow_text(read(file), file.filename().string(), options);
}

TEST_CASE("every bad flow file is refused with exactly the expected report") {
  // FLOW_BLESS=1 writes the reports instead: read the difference before you commit it.
  const bool bless = std::getenv("FLOW_BLESS") != nullptr;
  const std::vector<fs::path> files = bad_files();
  REQUIRE(files.size() >= 30);
  for (const fs::path& file : files) {
    CAPTURE(file.filename().string());
    const LoadResult result = load_bad(file);
    CHECK_FALSE(result.ok());
    CHECK(result.diagnostics.has_errors());
    const fs::path expected = fs::path(file).replace_extension(".expected");
    if (bless) std::ofstream(expected, std::ios::binary) << report_text(result);
    CHECK(report_text(result) == read(expected));
  }
}

TEST_CASE("every error of a bad flow file points into the file or at nothing") {
  for (const fs::path& file : bad_files()) {
    CAPTURE(file.filename().string());
    const LoadResult result = load_bad(file);
    const auto lines = static_cast<std::uint32_t>(std::ranges::count(result.text, '\n') + 1);
    for (const graph::Diagnostic& each : result.diagnostics.all()) {
      CHECK(each.place.line <= lines);
      CHECK((each.place.line == 0) == (each.place.column == 0));
      CHECK_FALSE(each.message.empty());
    }
  }
}

}  // namespace
}  // namespace flow::config
