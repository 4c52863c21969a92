#include "flowctl/document_reader.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace flow::flowctl {
namespace {

// A file with the given content, gone at the end.
class TempFile {
 public:
  explicit TempFile(const std::string& content) {
    path_ = (std::filesystem::temp_directory_path() / "flow-input-XXXXXX").string();
    const int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Input {
  std::vector<std::string> texts;
  std::string error;
};

Input read_all(DocumentReader& reader) {
  Input input;
  for (;;) {
    const Result<std::optional<wire::Document>> document = reader.next();
    if (!document) {
      input.error = document.error().message;
      return input;
    }
    if (!document->has_value()) return input;
    input.texts.emplace_back((*document)->text());
  }
}

Input read_lines(const std::string& content) {
  const TempFile file(content);
  Result<DocumentReader> reader = DocumentReader::of_lines(file.path(), -1);
  REQUIRE(reader.ok());
  Input input = read_all(*reader);
  const std::size_t at = input.error.find(file.path());
  if (at == 0) input.error = "FILE" + input.error.substr(file.path().size());
  return input;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("each line is a document; empty lines are skipped, the last needs no line break") {
  const Input input = read_lines("{\"text\":\"a\"}\n\n  \r\n{\"text\":\"b\"}\r\n{\"text\":\"c\"}");
  CHECK(input.texts == Texts{"a", "b", "c"});
  CHECK(input.error.empty());
}

TEST_CASE("an empty file has no documents") {
  CHECK(read_lines("").texts.empty());
}

TEST_CASE("a bad line is named with file and line, after the good ones before it") {
  const Input input =
      read_lines("{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\n{\"text\":\"d\"}\n");
  CHECK(input.texts == Texts{"a", "b"});
  CHECK(input.error.starts_with("FILE:3: "));
}

TEST_CASE("an unknown field is an error that names it") {
  const Input input = read_lines("{\"txet\":\"a\"}\n");
  CHECK(input.error.starts_with("FILE:1: "));
  CHECK(input.error.find("txet") != std::string::npos);
}

TEST_CASE("a line longer than one read is one document") {
  const std::string text(700'000, 'x');
  const Input input = read_lines("{\"text\":\"" + text + "\"}\n{\"text\":\"b\"}\n");
  REQUIRE(input.texts.size() == 2);
  CHECK(input.texts[0] == text);
  CHECK(input.texts[1] == "b");
}

TEST_CASE("a file that is not there or is a folder is an error that names it") {
  CHECK(DocumentReader::of_lines("/nowhere/x.jsonl", -1).error().message.find("/nowhere/x.jsonl") !=
        std::string::npos);
  CHECK_FALSE(DocumentReader::of_lines("/tmp", -1).ok());
}

TEST_CASE("waiting for input ends when asked to stop") {
  std::array<int, 2> input{};
  std::array<int, 2> stop{};
  REQUIRE(::pipe(input.data()) == 0);
  REQUIRE(::pipe(stop.data()) == 0);
  const std::string path = "/proc/self/fd/" + std::to_string(input[0]);
  Result<DocumentReader> reader = DocumentReader::of_lines(path, stop[0]);
  REQUIRE(reader.ok());
  REQUIRE(::write(stop[1], "x", 1) == 1);
  CHECK(read_all(*reader).texts.empty());
  for (const int fd : {input[0], input[1], stop[0], stop[1]})
    ::close(fd);
}

TEST_CASE("--json takes a document or a list of documents") {
  Result<DocumentReader> one = DocumentReader::of_json(R"({"text":"a"})");
  REQUIRE(one.ok());
  CHECK(read_all(*one).texts == Texts{"a"});
  Result<DocumentReader> two = DocumentReader::of_json(R"([{"text":"a"},{"text":"b"}])");
  REQUIRE(two.ok());
  CHECK(read_all(*two).texts == Texts{"a", "b"});
  CHECK(DocumentReader::of_json(R"([{"text":"a"},7])").error().message.find("document 2") !=
        std::string::npos);
  CHECK_FALSE(DocumentReader::of_json("{").ok());
}

}  // namespace flow::flowctl
