#include "wire/document_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "wire/document_list.h"

namespace flow::wire {
namespace {

// Reading: every function says what is wrong with the value at `path`.

Error bad(std::string_view path, std::string_view what) {
  return Error{Errc::kInvalidArgument, fmt::format("{}: {}", path, what)};
}

Error unexpected(std::string_view path, std::string_view expected, const Value& value) {
  return bad(path, fmt::format("expected {}, got {}", expected, to_string(value.kind())));
}

std::string below(std::string_view path, std::string_view field) {
  return path.empty() ? std::string(field) : fmt::format("{}.{}", path, field);
}

Error unknown_field(std::string_view path, std::string_view name,
                    std::span<const std::string_view> known) {
  std::string message = fmt::format("unknown field \"{}\"", name);
  if (const auto meant = did_you_mean(name, known)) {
    message += fmt::format(", did you mean \"{}\"?", *meant);
  }
  return path.empty() ? Error{Errc::kInvalidArgument, std::move(message)} : bad(path, message);
}

Status read_text(const Value& value, std::string_view path, std::string& out) {
  const std::string* text = value.if_string();
  if (text == nullptr) return unexpected(path, "a string", value);
  out = *text;
  return {};
}

Status read_id(const Value& value, std::string_view path, std::string& out) {
  if (Status status = read_text(value, path, out); !status) return status;
  if (out.size() > kMaxIdBytes) {
    return bad(path, fmt::format("{} bytes, at most {} are allowed", out.size(), kMaxIdBytes));
  }
  const bool control = std::ranges::any_of(out, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (control) return bad(path, "a control character");
  return {};
}

Status read_number(const Value& value, std::string_view path, double& out) {
  if (!value.is_number()) return unexpected(path, "a number", value);
  out = value.number();
  return {};
}

Status read_bytes(const Value& value, std::string_view path, std::string& out) {
  if (const ByteString* bytes = value.if_bytes()) {
    out = bytes->bytes;
    return {};
  }
  const std::string* text = value.if_string();
  if (text == nullptr) return unexpected(path, "a base64 string", value);
  std::optional<std::string> bytes = from_base64(*text);
  if (!bytes) return bad(path, "expected base64 with padding");
  out = *std::move(bytes);
  return {};
}

// A whole number up to `limit`; 3.0 is one too.
Status read_whole(const Value& value, std::string_view path, std::uint64_t limit,
                  std::uint64_t& out) {
  const double number = value.number();
  const bool whole = value.is_number() && number >= 0 && std::floor(number) == number;
  if (!whole || number > static_cast<double>(limit)) {
    return bad(path, fmt::format("expected a whole number from 0 to {}", limit));
  }
  const std::int64_t* integer = value.if_int();
  out = integer != nullptr ? static_cast<std::uint64_t>(*integer)
                           : static_cast<std::uint64_t>(number);
  return {};
}

Status read_depth(const Value& value, std::string_view path, std::uint32_t& out) {
  std::uint64_t whole = 0;
  Status status = read_whole(value, path, std::numeric_limits<std::uint32_t>::max(), whole);
  if (status) out = static_cast<std::uint32_t>(whole);
  return status;
}

Status read_location(const Value& value, std::string_view path, std::vector<double>& out) {
  const ValueList* list = value.if_list();
  if (list == nullptr) return unexpected(path, "a list of numbers", value);
  out.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Value& item = (*list)[i];
    if (!item.is_number()) return unexpected(fmt::format("{}[{}]", path, i), "a number", item);
    out.push_back(item.number());
  }
  return {};
}

Status read_tags(const Value& value, std::string_view path, ValueMap& out) {
  const ValueMap* map = value.if_map();
  if (map == nullptr) return unexpected(path, "a map", value);
  out = *map;
  return {};
}

// Numbers of a nested list, depth first. `level` is the position in the shape; the first list met
// on each level decides how long all lists of that level are.
Status read_numbers(const Value& value, std::string_view path, std::size_t level, Tensor& out) {
  if (const ValueList* list = value.if_list()) {
    const bool first = level == out.shape.size() && out.data.empty();
    if (first) out.shape.push_back(list->size());
    if (level >= out.shape.size() || out.shape[level] != list->size()) {
      return bad(path, "the lists are of different lengths or depths");
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      Status status = read_numbers((*list)[i], path, level + 1, out);
      if (!status) return status;
    }
    return {};
  }
  if (!value.is_number()) return unexpected(path, "numbers", value);
  if (level != out.shape.size()) return bad(path, "the lists are of different depths");
  const double number = value.number();
  const auto narrow = static_cast<float>(number);
  if (!std::isfinite(narrow)) return bad(path, fmt::format("{} does not fit float32", number));
  const auto* bytes = reinterpret_cast<const std::byte*>(&narrow);
  out.data.insert(out.data.end(), bytes, bytes + sizeof narrow);
  return {};
}

Status check_size(const Tensor& tensor, std::string_view path) {
  std::uint64_t expected = size_of(tensor.dtype);
  bool overflow = false;
  for (const std::uint64_t extent : tensor.shape) {
    overflow = overflow || __builtin_mul_overflow(expected, extent, &expected);
  }
  if (std::ranges::count(tensor.shape, 0U) != 0) {
    expected = 0;
    overflow = false;
  }
  if (!overflow && expected == tensor.data.size()) return {};
  return bad(path, fmt::format("data has {} bytes, which is not what shape and dtype need",
                               tensor.data.size()));
}

Status read_tensor_object(const ValueMap& map, std::string_view path, Tensor& out) {
  constexpr std::array<std::string_view, 3> kKnown = {"dtype", "shape", "data"};
  for (const auto& [key, item] : map) {
    const std::string where = below(path, key);
    if (key == "dtype") {
      const std::string* name = item.if_string();
      const auto dtype = name == nullptr ? std::nullopt : parse_dtype(*name);
      if (!dtype) return bad(where, "expected the name of a type, like \"float32\"");
      out.dtype = *dtype;
    } else if (key == "shape") {
      const ValueList* list = item.if_list();
      if (list == nullptr) return unexpected(where, "a list of whole numbers", item);
      for (const Value& extent : *list) {
        std::uint64_t whole = 0;
        Status status = read_whole(extent, where, std::numeric_limits<std::int64_t>::max(), whole);
        if (!status) return status;
        out.shape.push_back(whole);
      }
    } else if (key == "data") {
      std::string bytes;
      if (Status status = read_bytes(item, where, bytes); !status) return status;
      const auto raw = std::as_bytes(std::span(bytes));
      out.data.assign(raw.begin(), raw.end());
    } else {
      return unknown_field(path, key, kKnown);
    }
  }
  for (const std::string_view field : kKnown) {
    if (map.find(field) == nullptr) return bad(path, fmt::format("\"{}\" is missing", field));
  }
  return check_size(out, path);
}

Status read_tensor(const Value& value, std::string_view path, std::optional<Tensor>& out) {
  Tensor tensor;
  const ValueMap* map = value.if_map();
  Status status = map != nullptr ? read_tensor_object(*map, path, tensor)
                                 : read_numbers(value, path, 0, tensor);
  if (status) out = std::move(tensor);
  return status;
}

Status read_scores(const Value& value, std::string_view path, std::vector<NamedScore>& out) {
  constexpr std::array<std::string_view, 2> kKnown = {"value", "description"};
  const ValueMap* map = value.if_map();
  if (map == nullptr) return unexpected(path, "a map of {\"value\", \"description\"}", value);
  for (const auto& [name, item] : *map) {
    const std::string where = below(path, name);
    const ValueMap* entry = item.if_map();
    if (entry == nullptr) return unexpected(where, "{\"value\", \"description\"}", item);
    NamedScore score{.name = name, .value = 0, .description = {}};
    for (const auto& [key, part] : *entry) {
      Status status = key == "value"         ? read_number(part, below(where, key), score.value)
                      : key == "description" ? read_text(part, below(where, key), score.description)
                                             : Status(unknown_field(where, key, kKnown));
      if (!status) return status;
    }
    if (entry->find("value") == nullptr) return bad(where, "\"value\" is missing");
    out.push_back(std::move(score));
  }
  return {};
}

Result<Document> read_document(const Value& value, std::string_view path, int depth);

Status read_children(const Value& value, std::string_view path, int depth,
                     std::vector<Document>& out) {
  const ValueList* list = value.if_list();
  if (list == nullptr) return unexpected(path, "a list of documents", value);
  out.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    Result<Document> child = read_document((*list)[i], fmt::format("{}[{}]", path, i), depth + 1);
    if (!child) return std::move(child).error();
    out.push_back(*std::move(child));
  }
  return {};
}

struct Place {
  const Value& value;
  std::string_view path;
  int depth;
};

using ReadField = Status (*)(const Place& at, DocumentFields& fields);

struct Field {
  std::string_view name;
  ReadField read;
};

template <auto kMember, auto kRead>
Status into(const Place& at, DocumentFields& fields) {
  return kRead(at.value, at.path, fields.*kMember);
}

template <auto kMember>
Status into_children(const Place& at, DocumentFields& fields) {
  return read_children(at.value, at.path, at.depth, fields.*kMember);
}

using F = DocumentFields;
constexpr std::array<Field, 19> kFields = {{{"id", into<&F::id, read_id>},
                                            {"text", into<&F::text, read_text>},
                                            {"blob", into<&F::blob, read_bytes>},
                                            {"tensor", into<&F::tensor, read_tensor>},
                                            {"embedding", into<&F::embedding, read_tensor>},
                                            {"uri", into<&F::uri, read_text>},
                                            {"mime_type", into<&F::mime_type, read_text>},
                                            {"modality", into<&F::modality, read_text>},
                                            {"weight", into<&F::weight, read_number>},
                                            {"tags", into<&F::tags, read_tags>},
                                            {"chunks", into_children<&F::chunks>},
                                            {"matches", into_children<&F::matches>},
                                            {"scores", into<&F::scores, read_scores>},
                                            {"evaluations", into<&F::evaluations, read_scores>},
                                            {"parent_id", into<&F::parent_id, read_id>},
                                            {"granularity", into<&F::granularity, read_depth>},
                                            {"adjacency", into<&F::adjacency, read_depth>},
                                            {"offset", into<&F::offset, read_number>},
                                            {"location", into<&F::location, read_location>}}};

Error unknown_document_field(std::string_view path, std::string_view name) {
  std::array<std::string_view, kFields.size()> known;
  std::ranges::transform(kFields, known.begin(), &Field::name);
  return unknown_field(path, name, known);
}

Result<Document> read_document(const Value& value, std::string_view path, int depth) {
  const std::string_view place = path.empty() ? "document" : path;
  if (depth > kMaxDocumentDepth) {
    return bad(place, fmt::format("chunks and matches nested deeper than {}", kMaxDocumentDepth));
  }
  const ValueMap* map = value.if_map();
  if (map == nullptr) return unexpected(place, "a document (a map)", value);
  DocumentFields fields;
  for (const auto& [name, item] : *map) {
    const auto field = std::ranges::find(kFields, name, &Field::name);
    if (field == kFields.end()) return unknown_document_field(path, name);
    const std::string where = below(path, name);
    Status status = field->read(Place{item, where, depth}, fields);
    if (!status) return std::move(status).error();
  }
  return Document(std::move(fields));
}

// Writing.

// One JSON object: puts the commas.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string& field(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json_string(field(name), value);
  }
  void number(std::string_view name, double value) {
    if (value != 0) append_json_number(field(name), value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// Whether nested lists of numbers say all there is to say.
bool prints_as_list(const Tensor& tensor) {
  if (tensor.dtype != DType::kFloat32) return false;
  const auto floats = tensor.floats();
  if (!std::ranges::all_of(floats, [](float value) { return std::isfinite(value); })) return false;
  return !floats.empty() || tensor.shape.size() == 1;
}

void append_numbers(std::string& out, std::span<const float> numbers,
                    std::span<const std::uint64_t> shape) {
  if (shape.empty()) {
    append_json_number(out, numbers.front());
    return;
  }
  out += '[';
  const std::size_t step = shape.front() == 0 ? 0 : numbers.size() / shape.front();
  for (std::size_t i = 0; i < shape.front(); ++i) {
    if (i > 0) out += ',';
    append_numbers(out, numbers.subspan(i * step, step), shape.subspan(1));
  }
  out += ']';
}

void append_tensor(std::string& out, const Tensor& tensor) {
  if (prints_as_list(tensor)) {
    append_numbers(out, tensor.floats(), tensor.shape);
    return;
  }
  const std::string_view data(reinterpret_cast<const char*>(tensor.data.data()),
                              tensor.data.size());
  out += fmt::format(R"({{"dtype":"{}","shape":[{}],"data":"{}"}})", to_string(tensor.dtype),
                     fmt::join(tensor.shape, ","), to_base64(data));
}

void append_scores(std::string& out, const std::vector<NamedScore>& scores) {
  Object object(out);
  for (const NamedScore& score : scores) {
    Object entry(object.field(score.name));
    append_json_number(entry.field("value"), score.value);
    entry.text("description", score.description);
  }
}

void append_children(std::string& out, const std::vector<Document>& children) {
  out += '[';
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i > 0) out += ',';
    append_document_json(out, children[i]);
  }
  out += ']';
}

}  // namespace

Result<Document> document_from_value(const Value& value) {
  return read_document(value, "", 1);
}

Result<Document> document_from_json(std::string_view text) {
  const Result<Value> value = parse_json(text);
  if (!value) return value.error();
  return document_from_value(*value);
}

void append_document_json(std::string& out, const Document& document) {
  Object object(out);
  object.text("id", document.id());
  object.text("text", document.text());
  if (!document.blob().empty()) object.text("blob", to_base64(document.blob()));
  if (document.has_tensor()) append_tensor(object.field("tensor"), *document.tensor());
  if (document.has_embedding()) append_tensor(object.field("embedding"), *document.embedding());
  object.text("uri", document.uri());
  object.text("mime_type", document.mime_type());
  object.text("modality", document.modality());
  object.number("weight", document.weight());
  if (document.tag_count() != 0) append_json(object.field("tags"), Value(document.tags()));
  if (document.chunk_count() != 0) append_children(object.field("chunks"), document.chunks());
  if (document.match_count() != 0) append_children(object.field("matches"), document.matches());
  if (document.score_count() != 0) append_scores(object.field("scores"), document.scores());
  if (document.evaluation_count() != 0) {
    append_scores(object.field("evaluations"), document.evaluations());
  }
  object.text("parent_id", document.parent_id());
  object.number("granularity", document.granularity());
  object.number("adjacency", document.adjacency());
  object.number("offset", document.offset());
  if (document.location_count() != 0) {
    append_json(object.field("location"), [&document] {
      const std::vector<double> location = document.location();
      return Value(ValueList(location.begin(), location.end()));
    }());
  }
}

std::string to_json(const Document& document) {
  std::string out;
  append_document_json(out, document);
  return out;
}

}  // namespace flow::wire
