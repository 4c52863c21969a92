#include "verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "flowctl/expectation.h"
#include "flowctl/reply_printer.h"
#include "wire/value_codec.h"

namespace flow::conformance {
namespace {

flowctl::DocumentOrder order_of(const Case& expected) {
  return expected.unordered ? flowctl::DocumentOrder::kAny : flowctl::DocumentOrder::kGiven;
}

// The client's parameters and the dictionary results of executors.
ValueMap parameters_of(const CaseRequest& request, const Reply& reply) {
  ValueMap out = request.parameters;
  const Result<ValueMap> results = wire::decode_value(reply.response.results.span());
  if (results && !results->empty()) out.set("__results__", *results);
  return out;
}

std::string judge_failure(const CaseReply& expected, const Reply& reply) {
  const wire::Failure& failure = *reply.response.failure;
  std::string wrong = judge_texts(expected.message, failure.message);
  if (!wrong.empty()) return wrong;
  if (!expected.executor || *expected.executor == failure.executor) return {};
  return fmt::format("executor is '{}', expected '{}'", failure.executor, *expected.executor);
}

// One reply; takes the rotation's value out of it.
std::string judge_reply(const Case& expected, std::size_t index, const Reply& reply,
                        ValueList& rotated) {
  const CaseReply& wanted = expected.replies[index];
  if (reply.code() != wanted.code) {
    return fmt::format("code is {}, expected {}", reply.ok() ? "OK" : flowctl::failure_line(reply),
                       to_string(wanted.code));
  }
  if (!reply.ok()) return judge_failure(wanted, reply);
  ValueList documents = flowctl::canonical_documents(reply.documents);
  if (expected.rotation) {
    Value& value = rotated.emplace_back();
    std::string wrong = take_rotation(*expected.rotation, documents, value);
    if (!wrong.empty()) return wrong;
  }
  if (wanted.documents) {
    std::string wrong =
        flowctl::documents_difference(*wanted.documents, documents, order_of(expected));
    if (!wrong.empty()) return wrong;
  }
  if (!wanted.parameters) return {};
  return flowctl::value_difference("parameters", Value(*wanted.parameters),
                                   Value(parameters_of(expected.requests[index], reply)));
}

std::string judge_rotation(const Rotation& rotation, const ValueList& values) {
  const std::size_t turn = rotation.values.size();
  for (std::size_t first = 0; turn > 0 && first + turn <= values.size(); ++first) {
    for (const Value& value : rotation.values) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count =
          std::count_if(begin, begin + static_cast<std::ptrdiff_t>(turn),
                        [&value](const Value& other) { return flowctl::same_value(value, other); });
      if (count == 1) continue;
      return fmt::format("replies {} to {}: tag '{}' is {} {} times, expected once; in order: {}",
                         first + 1, first + turn, rotation.tag, to_json(value), count,
                         to_json(Value(values)));
    }
  }
  return {};
}

}  // namespace

std::string judge_replies(const Case& expected, const std::vector<Reply>& replies) {
  ValueList rotated;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const std::string wrong = judge_reply(expected, i, replies[i], rotated);
    if (wrong.empty()) continue;
    return replies.size() == 1 ? wrong : fmt::format("request {}: {}", i + 1, wrong);
  }
  return expected.rotation ? judge_rotation(*expected.rotation, rotated) : std::string();
}

std::string judge_documents(const Case& expected, const ValueList& documents,
                            const wire::DocumentList& got) {
  return flowctl::documents_difference(documents, flowctl::canonical_documents(got),
                                       order_of(expected));
}

std::string judge_ids(const Case& expected, const wire::DocumentList& passed) {
  std::vector<std::string> got;
  for (const wire::Document& document : passed)
    got.emplace_back(document.id());
  std::vector<std::string> wanted = *expected.ids;
  if (expected.unordered) {
    std::ranges::sort(got);
    std::ranges::sort(wanted);
  }
  if (got == wanted) return {};
  return fmt::format("ids are [{}], expected [{}]", join(got, ", "), join(wanted, ", "));
}

std::string judge_texts(const std::vector<std::string>& texts, const std::string& said) {
  for (const std::string& text : texts) {
    if (said.find(text) == std::string::npos) {
      return fmt::format("'{}' is not in the message '{}'", text, said);
    }
  }
  return {};
}

std::string take_rotation(const Rotation& rotation, ValueList& documents, Value& value) {
  if (documents.empty()) return fmt::format("no document carries the tag '{}'", rotation.tag);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    ValueMap& document = *documents[i].if_map();
    Value* tags = document.find("tags");
    const Value* tag = tags == nullptr ? nullptr : tags->if_map()->find(rotation.tag);
    if (tag == nullptr) return fmt::format("document {} has no tag '{}'", i + 1, rotation.tag);
    if (i > 0 && !flowctl::same_value(value, *tag)) {
      return fmt::format("document {}: tag '{}' is {}, in document 1 it is {}", i + 1, rotation.tag,
                         to_json(*tag), to_json(value));
    }
    value = *tag;
    tags->if_map()->erase(rotation.tag);
    if (tags->if_map()->empty()) document.erase("tags");
  }
  return {};
}

}  // namespace flow::conformance
