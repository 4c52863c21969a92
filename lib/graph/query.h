// The condition of a filter (`when`), parsed and checked: which documents pass.
//
//   query     := {} | { KEY = VALUE, ... }                all of them hold
//   KEY/VALUE := PATH = { OPERATOR = OPERAND, ... }       all of them hold
//              | PATH = { LOGIC = queries }               PATH is ignored
//              | LOGIC = queries
//   LOGIC     := $and | $or | $not                        $not: not all of them hold
//   queries   := [ query, ... ] | { KEY = VALUE, ... }    each key a query of its own
//   OPERATOR  := $eq $neq ($ne) $gt $gte $lt $lte $in $nin $regex $size $exists
//   OPERAND   := any value | "{PATH}"                     the document's own value at PATH
//
// What can be known beforehand is checked here: shapes, names, regular expressions, and operands
// that no value of a typed field can be compared with. What a query means is in docs/flow-files.md;
// route::Filter evaluates it.
//
// Immutable, cheap to copy, any thread. Bounds: kMaxQueryDepth levels of logic, kMaxConditions
// conditions and queries, kMaxPathSteps, operands nested kMaxOperandDepth deep, patterns of
// Regex::kMaxBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/document_field.h"
#include "base/value.h"
#include "graph/regex.h"

namespace flow::graph {

inline constexpr int kMaxQueryDepth = 32;
inline constexpr std::size_t kMaxConditions = 1'024;
inline constexpr std::size_t kMaxPathSteps = 64;
inline constexpr int kMaxOperandDepth = 32;

// Why a query is refused.
struct QueryProblem {
  std::vector<std::string> path;  // keys and positions inside the query, {"$or", "1", "tags__n"}
  std::string message;            // what is wrong
  std::string hint;               // what would be right; may be empty
};

// "$or.1.tags__n: message (hint)", for those without a place to point at.
std::string to_string(const QueryProblem& problem);

// Where a value is in a document: "tags__a__0" is field tags, steps "a" and 0.
struct FieldPath {
  struct Step {
    std::string name;                    // as written: the key in a map
    std::optional<std::int64_t> index;   // the position in a list; negative: from its end
    std::optional<DocumentField> field;  // the field of a chunk or match, or of their children
  };
  std::string text;  // as written
  DocumentField field = DocumentField::kId;
  std::vector<Step> steps;
  bool bare = true;  // just a field: there is no "__" in it
};

enum class Operator : std::uint8_t {
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterOrEqual,
  kLess,
  kLessOrEqual,
  kIn,
  kNotIn,
  kRegex,
  kSize,
  kExists
};
std::string_view to_string(Operator op);  // "$gte"

struct Condition {
  FieldPath path;
  Operator op = Operator::kEqual;
  std::variant<Value, FieldPath> operand;  // FieldPath: a placeholder
  std::optional<Regex> regex;              // kRegex whose operand is a value
};

// Children hold in their order, and no longer than needed to know the answer.
struct QueryNode {
  enum class Kind : std::uint8_t { kAll, kAny, kCondition };
  Kind kind = Kind::kAll;
  bool negated = false;
  std::vector<QueryNode> children;     // kAll, kAny
  std::optional<Condition> condition;  // kCondition
};

class Query {
 public:
  static std::variant<Query, QueryProblem> parse(const Value& query);
  static std::variant<Query, QueryProblem> parse(const ValueMap& query);

  const QueryNode& root() const { return *root_; }

 private:
  explicit Query(QueryNode root) : root_(std::make_shared<const QueryNode>(std::move(root))) {}

  std::shared_ptr<const QueryNode> root_;
};

// Whether it is certain that no document passes both, though nothing changes it in between. "No"
// may also mean "not known".
bool contradicts(const Query& earlier, const Query& later);

}  // namespace flow::graph
