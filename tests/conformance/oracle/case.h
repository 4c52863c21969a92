// One recorded case: a line of cases.jsonl (README.md has the format). A value; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errc.h"
#include "base/result.h"
#include "base/value.h"
#include "wire/document_list.h"

namespace flow::conformance {

enum class CaseKind : std::uint8_t { kFlow, kFind, kReduce };

struct CaseRequest {
  std::string endpoint;
  wire::DocumentList documents;
  ValueMap parameters;
  std::string target;
};

struct CaseReply {
  Errc code = Errc::kOk;
  std::optional<ValueList> documents;  // canonical; of a good reply
  std::optional<ValueMap> parameters;
  std::vector<std::string> message;  // each occurs in the failure's message
  std::optional<std::string> executor;
};

// Every reply's documents carry the tag; of as many replies in a row as there are values each value
// occurs once.
struct Rotation {
  std::string tag;
  ValueList values;
};

struct Case {
  std::string name;
  CaseKind kind = CaseKind::kFlow;
  bool unordered = false;

  ValueList executors;  // checked, see flow_text.h
  std::vector<CaseRequest> requests;
  std::vector<CaseReply> replies;
  std::optional<std::vector<std::string>> load_error;  // each occurs in what the loader says
  std::optional<Rotation> rotation;

  Value filter;
  wire::DocumentList documents;                 // of a find case
  std::optional<std::vector<std::string>> ids;  // of the documents that pass
  std::optional<Errc> request_error;            // neither of both: refused at load

  std::vector<wire::DocumentList> arrays;
  ValueList reduced;  // canonical
};

// kInvalidArgument says what is unknown, missing or wrong in it.
Result<Case> parse_case(const Value& value);

// Its name where it has one; "line 12" otherwise.
std::string case_name(const Value& value, std::size_t line);

}  // namespace flow::conformance
