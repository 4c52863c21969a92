#include "config/toml_reader.h"

#include <doctest/doctest.h>

#include "graph/codes.h"

namespace flow::config {
namespace {

using Kind = TomlNode::Kind;

TomlNode read(std::string_view text) {
  graph::Diagnostics diagnostics;
  std::optional<TomlNode> tree = read_toml(text, diagnostics);
  REQUIRE(tree.has_value());
  CHECK_FALSE(diagnostics.has_errors());
  return *tree;
}

graph::Diagnostic only_error(std::string_view text) {
  graph::Diagnostics diagnostics;
  (void)read_toml(text, diagnostics);
  REQUIRE(diagnostics.all().size() == 1);
  return diagnostics.all()[0];
}

TEST_CASE("values keep their kind") {
  const TomlNode tree =
      read("b = true\ni = 5\nd = 5.0\ns = 'x'\nt = 2024-01-31\nl = [1, 'a']\nm = { k = 0x1F }\n");
  CHECK(tree.find("b")->kind == Kind::kBool);
  CHECK(tree.find("i")->integer == 5);
  CHECK(tree.find("d")->kind == Kind::kDouble);
  CHECK(tree.find("s")->text == "x");
  CHECK(tree.find("t")->kind == Kind::kDatetime);
  CHECK(tree.find("t")->text == "2024-01-31");
  CHECK(tree.find("l")->children.size() == 2);
  CHECK(tree.find("m")->find("k")->integer == 31);
}

TEST_CASE("keys keep the order of the file and every value and key knows its place") {
  const TomlNode tree = read("z = 1\n\"q k\"  =\t'v'\na = { x = 1,y = [ 2 ] }\n[t]\nd.e = 1\n");
  REQUIRE(tree.children.size() == 4);
  CHECK(tree.children[0].key == "z");
  CHECK(tree.children[1].key == "q k");
  CHECK(tree.children[1].key_place == graph::Place{2, 1});
  CHECK(tree.children[1].place == graph::Place{2, 10});
  const TomlNode& a = tree.children[2];
  CHECK(a.place == graph::Place{3, 5});
  CHECK(a.find("y")->key_place == graph::Place{3, 13});
  CHECK(a.find("y")->children[0].place == graph::Place{3, 19});
  const TomlNode& t = tree.children[3];
  CHECK(t.key_place == graph::Place{4, 1});
  CHECK(t.find("d")->key_place == graph::Place{5, 1});
}

TEST_CASE("a byte order mark is no part of the text") {
  CHECK(read("\xEF\xBB\xBF"
             "a = 1\n")
            .find("a")
            ->integer == 1);
}

TEST_CASE("nesting is allowed up to the limit, however it is written") {
  const auto list = [](std::size_t depth) {
    return "a = " + std::string(depth, '[') + std::string(depth, ']') + "\n";
  };
  const auto dotted = [](std::size_t dots) {
    std::string key = "a";
    for (std::size_t i = 0; i < dots; ++i)
      key += ".a";
    return key + " = 1\n";
  };
  read(list(kMaxNesting));
  CHECK(only_error(list(kMaxNesting + 1)).code == graph::codes::kTooDeep);
  CHECK(only_error(list(2000)).code == graph::codes::kTooDeep);
  read(dotted(kMaxNesting));
  CHECK(only_error(dotted(kMaxNesting + 1)).code == graph::codes::kTooDeep);
  CHECK(only_error("[" + dotted(kMaxNesting + 1)).code == graph::codes::kTooDeep);
}

TEST_CASE("brackets in strings and comments are no nesting") {
  const std::string many(100, '[');
  read("a = \"" + many + "\\\"" + many + "\"\nb = '" + many + "'\n# " + many + "\n");
  read("a = \"\"\"\n" + many + "\n\"" + many + "\"\"\"\nb = '''" + many + "\n'''\n");
}

TEST_CASE("text that is too large, too long or no text is refused before it is parsed") {
  CHECK(only_error(std::string(kMaxFileSize + 1, '\n')).code == graph::codes::kFileTooLarge);
  CHECK(only_error("a = '" + std::string(kMaxLineLength, 'x') + "'\n").code ==
        graph::codes::kFileTooLarge);
  CHECK(only_error("a = 'caf\xE9'\n").code == graph::codes::kNotText);
  CHECK(only_error("a = '\xC0\xAF'\n").code == graph::codes::kNotText);
  CHECK(only_error("a = '\xED\xA0\x80'\n").code == graph::codes::kNotText);
  CHECK(only_error("a = '\xF0\x9F\x98'").code == graph::codes::kNotText);
  CHECK(only_error(std::string_view("a\0 = 1", 6)).code == graph::codes::kNotText);
}

TEST_CASE("a syntax error names the place where reading stopped") {
  const graph::Diagnostic error = only_error("a = 1\nb = 5x\n");
  CHECK(error.code == graph::codes::kSyntax);
  CHECK(error.place == graph::Place{2, 6});
  CHECK(error.message == "not valid TOML: invalid line format");
  CHECK(error.hint == "expected newline, but got 'x'.");
}

TEST_CASE("numbers that do not fit into 64 bits are refused") {
  CHECK(read("a = 9_223_372_036_854_775_807\n").find("a")->integer == INT64_MAX);
  CHECK(only_error("a = 9223372036854775808\n").code == graph::codes::kOutOfRange);
  CHECK(only_error("a = -9223372036854775809\n").code == graph::codes::kOutOfRange);
  CHECK(only_error("a = 0x1_0000_0000_0000_0000\n").code == graph::codes::kOutOfRange);
}

TEST_CASE("a single value is read, and what is none is not") {
  CHECK(read_toml_value("5")->integer == 5);
  CHECK(read_toml_value("{ a = [1] }")->find("a")->children.size() == 1);
  CHECK(read_toml_value("\"x\"")->text == "x");
  CHECK_FALSE(read_toml_value("5s").has_value());
  CHECK_FALSE(read_toml_value("").has_value());
  CHECK_FALSE(read_toml_value("1\nb = 2").has_value());
}

}  // namespace
}  // namespace flow::config
