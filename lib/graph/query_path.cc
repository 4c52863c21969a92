#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/text.h"
#include "graph/query_internal.h"

namespace flow::graph::internal {
namespace {

constexpr std::string_view kSeparator = "__";

// What a path has reached.
enum class Reached : std::uint8_t {
  kText,
  kNumber,
  kBytes,
  kTags,
  kScores,
  kScore,
  kDocuments,
  kDocument,
  kNumbers,
  kTensor,
  kUnknown
};

Reached reached_by(DocumentField field) {
  switch (field) {
    case DocumentField::kId:
    case DocumentField::kParentId:
    case DocumentField::kText:
    case DocumentField::kUri:
    case DocumentField::kMimeType:
    case DocumentField::kModality: return Reached::kText;
    case DocumentField::kGranularity:
    case DocumentField::kAdjacency:
    case DocumentField::kWeight:
    case DocumentField::kOffset: return Reached::kNumber;
    case DocumentField::kBlob: return Reached::kBytes;
    case DocumentField::kTensor:
    case DocumentField::kEmbedding: return Reached::kTensor;
    case DocumentField::kTags: return Reached::kTags;
    case DocumentField::kChunks:
    case DocumentField::kMatches: return Reached::kDocuments;
    case DocumentField::kScores:
    case DocumentField::kEvaluations: return Reached::kScores;
    case DocumentField::kLocation: return Reached::kNumbers;
  }
  return Reached::kUnknown;
}

Kinds kinds_of(Reached reached) {
  switch (reached) {
    case Reached::kText: return kTextKind;
    case Reached::kNumber: return kNumberKind;
    case Reached::kBytes: return kBytesKind;
    case Reached::kTags:
    case Reached::kScores: return kMapKind;
    case Reached::kScore:
    case Reached::kDocument: return kOtherKind;
    case Reached::kDocuments:
    case Reached::kNumbers: return kListKind;
    case Reached::kTensor: return kNullKind | kNumberKind | kListKind;
    case Reached::kUnknown: break;
  }
  return kAnyKind;
}

PathProblem no_such(std::string_view what, std::string_view name,
                    std::span<const std::string_view> known) {
  PathProblem problem{fmt::format("{} has no field '{}'", what, name), {}};
  if (const auto meant = did_you_mean(name, known)) {
    problem.hint = fmt::format("did you mean '{}'?", *meant);
  } else {
    problem.hint = fmt::format("fields are {}", fmt::join(known, ", "));
  }
  return problem;
}

// Takes the text up to the next separator off `rest`.
std::string_view take_step(std::string_view& rest) {
  const std::size_t at = rest.find(kSeparator);
  const std::string_view step = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + kSeparator.size());
  return step;
}

std::optional<std::int64_t> index_of(std::string_view name) {
  if (name.starts_with('+')) name.remove_prefix(1);
  std::int64_t index = 0;
  const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return index;
}

// Where `step` leads from `from`; fills in the step's field.
std::variant<Reached, PathProblem> follow(Reached from, FieldPath::Step& step) {
  static constexpr std::array<std::string_view, 2> kScoreFields{"value", "description"};
  switch (from) {
    case Reached::kDocuments: return step.index ? Reached::kDocument : Reached::kUnknown;
    case Reached::kNumbers: return step.index ? Reached::kNumber : Reached::kUnknown;
    case Reached::kTensor: return step.index ? Reached::kTensor : Reached::kUnknown;
    case Reached::kScores: return Reached::kScore;
    case Reached::kScore:
      if (step.name == kScoreFields[0]) return Reached::kNumber;
      if (step.name == kScoreFields[1]) return Reached::kText;
      return no_such("a score", step.name, kScoreFields);
    case Reached::kDocument:
      step.field = parse_document_field(step.name);
      if (!step.field) return no_such("a document", step.name, kDocumentFieldNames);
      return reached_by(*step.field);
    default: return Reached::kUnknown;
  }
}

}  // namespace

std::variant<TypedPath, PathProblem> parse_path(std::string_view text) {
  std::string_view rest = text;
  const std::string_view first = take_step(rest);
  const std::optional<DocumentField> field = parse_document_field(first);
  if (!field) return no_such("a document", first, kDocumentFieldNames);
  FieldPath path{.text = std::string(text),
                 .field = *field,
                 .steps = {},
                 .bare = text.find(kSeparator) == std::string_view::npos};
  Reached reached = reached_by(*field);
  while (!rest.empty()) {
    if (path.steps.size() == kMaxPathSteps) {
      return PathProblem{fmt::format("'{}' has more than {} steps", text, kMaxPathSteps), {}};
    }
    const std::string_view name = take_step(rest);
    FieldPath::Step step{.name = std::string(name), .index = index_of(name), .field = {}};
    auto next = follow(reached, step);
    if (auto* problem = std::get_if<PathProblem>(&next)) return std::move(*problem);
    reached = std::get<Reached>(next);
    path.steps.push_back(std::move(step));
  }
  Kinds kinds = kinds_of(reached);
  if (!path.steps.empty()) kinds |= kNullKind;
  return TypedPath{std::move(path), kinds};
}

Kinds kinds_of(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return kNullKind;
    case Value::Kind::kBool:
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return kNumberKind;
    case Value::Kind::kString: return kTextKind;
    case Value::Kind::kBytes: return kBytesKind;
    case Value::Kind::kList: return kListKind;
    case Value::Kind::kMap: return kMapKind;
  }
  return kAnyKind;
}

std::string words(Kinds kinds) {
  static constexpr std::array<std::pair<Kinds, std::string_view>, 6> kWords{
      {{kNumberKind, "a number"},
       {kTextKind, "a string"},
       {kBytesKind, "bytes"},
       {kListKind, "a list"},
       {kMapKind, "a map"},
       {kOtherKind, "a whole chunk, match or score"}}};
  if (kinds == kNullKind) return "null";
  std::string text;
  for (const auto& [kind, word] : kWords) {
    if ((kinds & kind) == 0) continue;
    if (!text.empty()) text += " or ";
    text += word;
  }
  return text;
}

std::string misfit(Operator op, Kinds left, Kinds right) {
  constexpr Kinds kSized = kTextKind | kBytesKind | kListKind | kMapKind;
  constexpr Kinds kOrdered = kNumberKind | kTextKind | kBytesKind | kListKind;
  switch (op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kExists: break;
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual:
      if ((right & kOrdered) == 0) return fmt::format("nothing has an order with {}", words(right));
      if ((left & right & kOrdered) != 0) break;
      return fmt::format("{} has no order with {}", words(left), words(right));
    case Operator::kIn:
    case Operator::kNotIn:
      if ((right & (kListKind | kTextKind | kMapKind)) == 0) {
        return fmt::format("it needs a list or a string, not {}", words(right));
      }
      if (right != kTextKind || (left & kTextKind) != 0) break;
      return fmt::format("only strings can be inside of a string, not {}", words(left));
    case Operator::kRegex:
      if ((right & kTextKind) == 0) return fmt::format("it needs a string, not {}", words(right));
      if ((left & kTextKind) != 0) break;
      return fmt::format("only strings can match, not {}", words(left));
    case Operator::kSize:
      if ((right & kNumberKind) == 0) return fmt::format("it needs a number, not {}", words(right));
      if ((left & kSized) != 0) break;
      return fmt::format("{} has no size", words(left));
  }
  return {};
}

std::string example_of(Operator op, std::string_view field, Kinds left) {
  struct Operand {
    std::string_view text;
    Kinds kinds;
  };
  constexpr Operand kNumber{"5", kNumberKind};
  constexpr Operand kText{"\"a\"", kTextKind};
  const auto said = [op](std::string_view of, std::string_view operand) {
    return fmt::format("as in {{ {} = {{ \"{}\" = {} }} }}", of, to_string(op), operand);
  };
  std::vector<Operand> operands;
  switch (op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual: operands = {kNumber, kText}; break;
    case Operator::kIn:
    case Operator::kNotIn: operands = {{"[\"a\", \"b\"]", kListKind}}; break;
    case Operator::kRegex: operands = {{"\"^a\"", kTextKind}}; break;
    case Operator::kSize: operands = {{"3", kNumberKind}}; break;
    case Operator::kExists: operands = {{"true", kNumberKind}}; break;
  }
  for (const Operand& operand : operands) {
    if (misfit(op, left, operand.kinds).empty()) return said(field, operand.text);
  }
  return said("tags__x", operands.front().text);
}

}  // namespace flow::graph::internal
