#include "gateway/answer.h"

#include <doctest/doctest.h>

#include "core_fixture.h"

namespace {

using namespace flow;           // NOLINT: a test
using namespace gateway_tests;  // NOLINT: a test

Bytes of(const std::vector<std::string>& ids) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const std::string& id : ids)
    list.emplace_back(id, std::to_string(list.size()));
  return documents(list);
}

// Ids with the texts that tell which of equal ones it was.
std::string sorted(const std::vector<std::string>& request,
                   const std::vector<std::string>& answer) {
  Bytes payload = of(answer);
  gateway::sort_like(of(request), payload);
  std::string all;
  const Result<wire::DocumentList> list = wire::DocumentList::open(payload);
  for (const wire::Document& document : *list)
    all += std::string(document.id()) + std::string(document.text()) + " ";
  return all;
}

}  // namespace

TEST_CASE("documents of an answer are sorted by their place in the request") {
  CHECK(sorted({"a", "b", "c"}, {"c", "a", "b"}) == "a1 b2 c0 ");
  CHECK(sorted({"a", "b", "c"}, {"c", "a"}) == "a1 c0 ");
}

TEST_CASE("equal ids keep their order, and a repeated id counts where it stands first") {
  CHECK(sorted({"a", "b", "a"}, {"b", "a", "a"}) == "a1 a2 b0 ");
}

TEST_CASE("documents that are not in the request come last, as they came") {
  CHECK(sorted({"a", "b"}, {"y", "b", "x", "a"}) == "a3 b1 y0 x2 ");
  CHECK(sorted({}, {"y", "x"}) == "y0 x1 ");
}

TEST_CASE("an answer in order, an empty one and a broken one stay the bytes they were") {
  for (const Bytes& answer :
       {of({"a", "b"}), of({"b"}), Bytes(), Bytes::copy_of("no list at all")}) {
    Bytes payload = answer;
    gateway::sort_like(of({"a", "b"}), payload);
    CHECK(payload.data() == answer.data());
  }
}
