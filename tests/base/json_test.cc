#include "base/json.h"

#include <doctest/doctest.h>

#include <limits>

namespace flow {
namespace {

Value parsed(std::string_view text) {
  Result<Value> value = parse_json(text);
  REQUIRE_MESSAGE(value.ok(), (value ? std::string() : value.error().message));
  return *std::move(value);
}

std::string refusal(std::string_view text) {
  const Result<Value> value = parse_json(text);
  if (value) return "accepted";
  CHECK(value.error().code == Errc::kInvalidArgument);
  return value.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("JSON becomes the value it describes") {
  CHECK(parsed(R"( {"a": [1, 2.5, "x", true, null, {}], "b": {"c": []}} )") ==
        Value(ValueMap{{"a", ValueList{1, 2.5, "x", true, nullptr, ValueMap{}}},
                       {"b", ValueMap{{"c", ValueList{}}}}}));
  CHECK(parsed("\"\\u00e9\\ud83d\\ude00\"") == Value("\xC3\xA9\xF0\x9F\x98\x80"));
}

TEST_CASE("numbers keep their kind") {
  CHECK(parsed("5") == Value(5));
  CHECK(parsed("5.0") == Value(5.0));
  CHECK(parsed("5e0") == Value(5.0));
  CHECK(parsed("-9223372036854775808") == Value(std::numeric_limits<std::int64_t>::min()));
  CHECK(parsed("9223372036854775807") == Value(std::numeric_limits<std::int64_t>::max()));
  CHECK(parsed("9223372036854775808") == Value(9223372036854775808.0));
  CHECK(parsed("-9223372036854775809") == Value(-9223372036854775809.0));
}

TEST_CASE("bad JSON is refused with the column") {
  CHECK(contains(refusal(R"({"a":1,})"), "column 8"));
  CHECK(contains(refusal("[1,2"), "column 4"));
  CHECK(contains(refusal("1 2"), "column 3"));
  CHECK(contains(refusal(""), "column 1"));
  CHECK(contains(refusal("{'a':1}"), "column 2"));
  CHECK(contains(refusal("nul"), "column 3"));
  CHECK(contains(refusal("NaN"), "column 1"));
  CHECK(contains(refusal("01"), "column 2"));
  CHECK(contains(refusal("1e999"), "1e999"));
  CHECK(contains(refusal("// no\n1"), "column 1"));
  CHECK(contains(refusal("\"\xFF\""), "column 2"));
  CHECK(contains(refusal("\"\\ud800\""), "column"));
}

TEST_CASE("a repeated key is refused, in small and in large maps") {
  CHECK(contains(refusal(R"({"a":1,"b":2,"a":3})"), "duplicate key \"a\""));
  CHECK(contains(refusal(R"({"a":1,"b":2,"a":3})"), "column 16"));
  std::string large = "{";
  for (int i = 0; i < 100; ++i)
    large += "\"k" + std::to_string(i) + "\":0,";
  CHECK(parse_json(large + "\"k100\":0}").ok());
  CHECK(contains(refusal(large + "\"k3\":0}"), "duplicate key \"k3\""));
  CHECK(contains(refusal(large + "\"k99\":0}"), "duplicate key \"k99\""));
  CHECK(parsed(R"([{"a":1},{"a":2}])").if_list()->size() == 2);
}

TEST_CASE("nesting is allowed up to its limit") {
  const auto nested = [](int depth) {
    const auto count = static_cast<std::size_t>(depth);
    return std::string(count, '[') + std::string(count, ']');
  };
  CHECK(parse_json(nested(kJsonMaxDepth)).ok());
  CHECK(contains(refusal(nested(kJsonMaxDepth + 1)), "nested"));
  CHECK(contains(refusal(nested(100'000)), "nested"));
}

TEST_CASE("values print on one line and read back as the same kinds") {
  const Value value(ValueMap{{"int", 5},
                             {"double", 5.0},
                             {"tiny", 1e-300},
                             {"list", ValueList{nullptr, true, "x\n\"\\\x01"}},
                             {"map", ValueMap{}}});
  const std::string text = to_json(value);
  CHECK(text ==
        R"({"int":5,"double":5.0,"tiny":1e-300,"list":[null,true,"x\n\"\\\u0001"],"map":{}})");
  CHECK(parsed(text) == value);
}

TEST_CASE("what JSON cannot say is replaced") {
  CHECK(to_json(Value(std::numeric_limits<double>::quiet_NaN())) == "null");
  CHECK(to_json(Value(-std::numeric_limits<double>::infinity())) == "null");
  CHECK(to_json(Value(ByteString{"ab"})) == "\"YWI=\"");
  CHECK(to_json(Value("a\xFFz\xE2\x82")) == "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(to_json(Value("\xED\xA0\x80")) == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST_CASE("single numbers print as short as they can be read back") {
  const auto print = [](auto number) {
    std::string out;
    append_json_number(out, number);
    return out;
  };
  CHECK(print(0.1) == "0.1");
  CHECK(print(0.1F) == "0.1");
  CHECK(print(5.0) == "5");
  CHECK(print(std::numeric_limits<float>::infinity()) == "null");
}

TEST_CASE("base64 reads back and refuses every other spelling") {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd"}) {
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
  CHECK(to_base64(std::string("\x00\xFF\x10", 3)) == "AP8Q");
  CHECK(to_base64("a") == "YQ==");
  for (const char* bad : {"YQ", "YQ=", "YR==", "YQ==YQ==", "Y Q=", "====", "=", "Y===", "YW-_"}) {
    CAPTURE(bad);
    CHECK_FALSE(from_base64(bad));
  }
}

}  // namespace flow
