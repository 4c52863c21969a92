#include "wire/value_codec.h"

#include <doctest/doctest.h>

#include "tests/wire/sample_document.h"

namespace flow::wire {

TEST_CASE("an empty map is no bytes") {
  CHECK(encode_value({}).empty());
  CHECK(decode_value({})->empty());
}

TEST_CASE("a map of every kind of value comes back, aligned or not") {
  ValueMap map = full_document().tags();
  map.set("bytes", ByteString{std::string("\x00\x01", 2)});
  const Bytes encoded = encode_value(map);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> moved(shift);
    moved.insert(moved.end(), encoded.data(), encoded.data() + encoded.size());
    const Result<ValueMap> decoded = decode_value(std::span(moved).subspan(shift));
    REQUIRE(decoded.ok());
    CHECK(*decoded == map);
  }
}

TEST_CASE("a value that is nested too deeply or no value at all is refused") {
  Value value(1);
  for (int i = 0; i < 64; ++i)
    value = Value(ValueList{std::move(value)});
  ValueMap map = {{"a", value}};
  CHECK(decode_value(encode_value(map).span()).ok());
  for (int i = 0; i < 64; ++i)
    value = Value(ValueList{std::move(value)});
  map.set("a", value);
  const Result<ValueMap> refused = decode_value(encode_value(map).span());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("nested too deeply") != std::string::npos);
  const std::string text = "no value at all, just text";
  CHECK_FALSE(decode_value(std::as_bytes(std::span(text))));
}

TEST_CASE("a large list is not taken for an attack") {
  const ValueMap map = {{"list", ValueList(50'000, Value())}};
  const Result<ValueMap> decoded = decode_value(encode_value(map).span());
  REQUIRE(decoded.ok());
  CHECK(*decoded == map);
}

}  // namespace flow::wire
