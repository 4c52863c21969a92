#include "wire/value_view.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "wire/document_codec_internal.h"
#include "wire/value_codec_internal.h"

namespace flow::wire {
namespace {

using Tables = flatbuffers::Vector<flatbuffers::Offset<fbs::Document>>;
using ScoreTables = flatbuffers::Vector<flatbuffers::Offset<fbs::NamedScore>>;

// A tensor of either form.
struct TensorLook {
  DType dtype = DType::kFloat32;
  std::span<const std::uint64_t> shape;
  const std::byte* data = nullptr;
};

TensorLook look(const Tensor& tensor) {
  return {.dtype = tensor.dtype, .shape = tensor.shape, .data = tensor.data.data()};
}

TensorLook look(const fbs::Tensor& tensor) {
  TensorLook look{.dtype = static_cast<DType>(tensor.dtype()), .shape = {}, .data = nullptr};
  if (tensor.shape() != nullptr) look.shape = {tensor.shape()->data(), tensor.shape()->size()};
  if (tensor.data() != nullptr) {
    look.data = reinterpret_cast<const std::byte*>(tensor.data()->data());
  }
  return look;
}

template <typename T>
T load(const TensorLook& tensor, std::size_t element) {
  T value;
  std::memcpy(&value, tensor.data + element * sizeof(T), sizeof(T));
  return value;
}

// Whether it has the bytes its shape promises; whoever made a decoded document may have erred.
bool complete(const Tensor& tensor) {
  std::uint64_t room = tensor.data.size() / size_of(tensor.dtype);
  for (const std::uint64_t extent : tensor.shape) {
    if (extent == 0) return true;
    room /= extent;
  }
  return room > 0;
}

double from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const double fraction = bits & 0x3FF;
  double size = 0;
  if (exponent == 0) {
    size = std::ldexp(fraction, -24);
  } else if (exponent == 0x1F) {
    size = fraction == 0 ? std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  } else {
    size = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -size : size;
}

double from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

const DocumentFields& no_fields() {
  static const DocumentFields none;
  return none;
}

}  // namespace

struct ValueView::Maker {
  static ValueView boolean(bool truth) { return integer(Kind::kBool, truth ? 1 : 0); }

  static ValueView integer(Kind kind, std::int64_t value) {
    ValueView view;
    view.kind_ = kind;
    view.integer_ = value;
    return view;
  }

  static ValueView number(double value) {
    ValueView view;
    view.kind_ = Kind::kDouble;
    view.number_ = value;
    return view;
  }

  static ValueView text(Kind kind, std::string_view text) {
    ValueView view;
    view.kind_ = kind;
    view.text_ = text.data();
    view.size_ = text.size();
    return view;
  }
  static ValueView string(std::string_view text) { return Maker::text(Kind::kString, text); }

  static ValueView place(Kind kind, Form form, const void* at, std::size_t size) {
    ValueView view;
    view.kind_ = kind;
    view.form_ = form;
    view.at_ = at;
    view.size_ = size;
    return view;
  }

  static ValueView value(const fbs::Value* value) {
    switch (value->kind()) {
      case fbs::ValueKind::Null: break;
      case fbs::ValueKind::Bool: return boolean(value->integer() != 0);
      case fbs::ValueKind::Int: return integer(Kind::kInt, value->integer());
      case fbs::ValueKind::Double: return number(value->number());
      case fbs::ValueKind::String: return string(view_of(value->text()));
      case fbs::ValueKind::Bytes: return text(Kind::kBytes, view_of(value->bytes()));
      case fbs::ValueKind::List:
        return place(Kind::kList, Form::kValue, value, size_of(value->items()));
      case fbs::ValueKind::Map:
        return place(Kind::kMap, Form::kValue, value, size_of(value->items()));
    }
    return {};
  }

  static ValueView table(const fbs::Document* table) {
    return place(Kind::kDocument, Form::kTable, table, 0);
  }

  static ValueView document(const Document& document) {
    if (const DocumentTable* table = table_of(document)) return Maker::table(table);
    const DocumentFields* fields = fields_of(document);
    return place(Kind::kDocument, Form::kFields, fields == nullptr ? &no_fields() : fields, 0);
  }

  // The part of a tensor that begins with dimension `axis` at `element`; a number behind the last.
  static ValueView tensor(const TensorLook& tensor, Form form, const void* at, std::uint32_t axis,
                          std::size_t element) {
    if (axis == tensor.shape.size()) return tensor_number(tensor, element);
    const bool none = std::ranges::find(tensor.shape, 0U) != tensor.shape.end();
    ValueView view = place(Kind::kList, form, at, none ? 0 : tensor.shape[axis]);
    view.axis_ = axis;
    view.element_ = element;
    return view;
  }

  static ValueView tensor(const std::optional<Tensor>& tensor) {
    if (!tensor) return {};
    if (!complete(*tensor)) return place(Kind::kList, Form::kNothing, nullptr, 0);
    return Maker::tensor(look(*tensor), Form::kTensor, &*tensor, 0, 0);
  }
  static ValueView tensor(const fbs::Tensor* tensor) {
    if (tensor == nullptr) return {};
    return Maker::tensor(look(*tensor), Form::kTensorTable, tensor, 0, 0);
  }

  static ValueView tensor_item(const ValueView& list, const TensorLook& look, std::size_t index) {
    std::size_t stride = 1;
    for (const std::uint64_t extent : look.shape.subspan(list.axis_ + 1))
      stride *= extent;
    return tensor(look, list.form_, list.at_, list.axis_ + 1, list.element_ + index * stride);
  }

  static ValueView tensor_number(const TensorLook& tensor, std::size_t at) {
    switch (tensor.dtype) {
      case DType::kFloat32: return number(load<float>(tensor, at));
      case DType::kFloat64: return number(load<double>(tensor, at));
      case DType::kFloat16: return number(from_half(load<std::uint16_t>(tensor, at)));
      case DType::kBFloat16: return number(from_bfloat(load<std::uint16_t>(tensor, at)));
      case DType::kInt8: return integer(Kind::kInt, load<std::int8_t>(tensor, at));
      case DType::kInt16: return integer(Kind::kInt, load<std::int16_t>(tensor, at));
      case DType::kInt32: return integer(Kind::kInt, load<std::int32_t>(tensor, at));
      case DType::kInt64: return integer(Kind::kInt, load<std::int64_t>(tensor, at));
      case DType::kUInt8: return integer(Kind::kInt, load<std::uint8_t>(tensor, at));
      case DType::kUInt16: return integer(Kind::kInt, load<std::uint16_t>(tensor, at));
      case DType::kUInt32: return integer(Kind::kInt, load<std::uint32_t>(tensor, at));
      case DType::kBool: return boolean(load<std::uint8_t>(tensor, at) != 0);
      case DType::kUInt64: break;
    }
    const auto large = load<std::uint64_t>(tensor, at);
    if (large > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      return number(static_cast<double>(large));
    }
    return integer(Kind::kInt, static_cast<std::int64_t>(large));
  }

  static ValueView field(const DocumentTable& table, DocumentField field);
  static ValueView field(const DocumentFields& fields, DocumentField field);
};

ValueView ValueView::Maker::field(const DocumentTable& table, DocumentField field) {
  switch (field) {
    case DocumentField::kId: return string(view_of(table.id()));
    case DocumentField::kParentId: return string(view_of(table.parent_id()));
    case DocumentField::kGranularity: return integer(Kind::kInt, table.granularity());
    case DocumentField::kAdjacency: return integer(Kind::kInt, table.adjacency());
    case DocumentField::kText: return string(view_of(table.text()));
    case DocumentField::kBlob: return text(Kind::kBytes, view_of(table.blob()));
    case DocumentField::kTensor: return tensor(table.tensor());
    case DocumentField::kEmbedding: return tensor(table.embedding());
    case DocumentField::kUri: return string(view_of(table.uri()));
    case DocumentField::kMimeType: return string(view_of(table.mime_type()));
    case DocumentField::kModality: return string(view_of(table.modality()));
    case DocumentField::kWeight: return number(table.weight());
    case DocumentField::kOffset: return number(table.offset());
    case DocumentField::kTags:
      if (table.tags() == nullptr) return place(Kind::kMap, Form::kNothing, nullptr, 0);
      return value(table.tags());
    case DocumentField::kChunks:
      return place(Kind::kList, Form::kTables, table.chunks(), size_of(table.chunks()));
    case DocumentField::kMatches:
      return place(Kind::kList, Form::kTables, table.matches(), size_of(table.matches()));
    case DocumentField::kScores:
      return place(Kind::kMap, Form::kScoreTables, table.scores(), size_of(table.scores()));
    case DocumentField::kEvaluations:
      return place(Kind::kMap, Form::kScoreTables, table.evaluations(),
                   size_of(table.evaluations()));
    case DocumentField::kLocation:
      return place(Kind::kList, Form::kNumbers,
                   table.location() == nullptr ? nullptr : table.location()->data(),
                   size_of(table.location()));
  }
  return {};
}

ValueView ValueView::Maker::field(const DocumentFields& fields, DocumentField field) {
  switch (field) {
    case DocumentField::kId: return string(fields.id);
    case DocumentField::kParentId: return string(fields.parent_id);
    case DocumentField::kGranularity: return integer(Kind::kInt, fields.granularity);
    case DocumentField::kAdjacency: return integer(Kind::kInt, fields.adjacency);
    case DocumentField::kText: return string(fields.text);
    case DocumentField::kBlob: return text(Kind::kBytes, fields.blob);
    case DocumentField::kTensor: return tensor(fields.tensor);
    case DocumentField::kEmbedding: return tensor(fields.embedding);
    case DocumentField::kUri: return string(fields.uri);
    case DocumentField::kMimeType: return string(fields.mime_type);
    case DocumentField::kModality: return string(fields.modality);
    case DocumentField::kWeight: return number(fields.weight);
    case DocumentField::kOffset: return number(fields.offset);
    case DocumentField::kTags:
      return place(Kind::kMap, Form::kValueMap, &fields.tags, fields.tags.size());
    case DocumentField::kChunks:
      return place(Kind::kList, Form::kDocuments, &fields.chunks, fields.chunks.size());
    case DocumentField::kMatches:
      return place(Kind::kList, Form::kDocuments, &fields.matches, fields.matches.size());
    case DocumentField::kScores:
      return place(Kind::kMap, Form::kNamedScores, &fields.scores, fields.scores.size());
    case DocumentField::kEvaluations:
      return place(Kind::kMap, Form::kNamedScores, &fields.evaluations, fields.evaluations.size());
    case DocumentField::kLocation:
      return place(Kind::kList, Form::kNumbers, fields.location.data(), fields.location.size());
  }
  return {};
}

ValueView::ValueView(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: break;
    case Value::Kind::kBool: *this = Maker::boolean(*value.if_bool()); break;
    case Value::Kind::kInt: *this = Maker::integer(Kind::kInt, *value.if_int()); break;
    case Value::Kind::kDouble: *this = Maker::number(*value.if_double()); break;
    case Value::Kind::kString: *this = Maker::string(*value.if_string()); break;
    case Value::Kind::kBytes: *this = Maker::text(Kind::kBytes, value.if_bytes()->bytes); break;
    case Value::Kind::kList:
      *this = Maker::place(Kind::kList, Form::kValueList, value.if_list(), value.if_list()->size());
      break;
    case Value::Kind::kMap:
      *this = Maker::place(Kind::kMap, Form::kValueMap, value.if_map(), value.if_map()->size());
      break;
  }
}

ValueView::ValueView(const Document& document) : ValueView(Maker::document(document)) {}

ValueView ValueView::item(std::size_t index) const {
  const auto position = static_cast<std::uint32_t>(index);
  switch (form_) {
    case Form::kValue:
      return Maker::value(static_cast<const fbs::Value*>(at_)->items()->Get(position));
    case Form::kValueList: return ValueView((*static_cast<const ValueList*>(at_))[index]);
    case Form::kValueMap:
      return ValueView(
          (static_cast<const ValueMap*>(at_)->begin() + static_cast<std::ptrdiff_t>(index))
              ->second);
    case Form::kTables: return Maker::table(static_cast<const Tables*>(at_)->Get(position));
    case Form::kDocuments:
      return Maker::document((*static_cast<const std::vector<Document>*>(at_))[index]);
    case Form::kScoreTables:
      return Maker::place(Kind::kScore, Form::kScoreTable,
                          static_cast<const ScoreTables*>(at_)->Get(position), 0);
    case Form::kNamedScores:
      return Maker::place(Kind::kScore, Form::kNamedScore,
                          &(*static_cast<const std::vector<NamedScore>*>(at_))[index], 0);
    case Form::kNumbers: return Maker::number(static_cast<const double*>(at_)[index]);
    case Form::kTensorTable:
      return Maker::tensor_item(*this, look(*static_cast<const fbs::Tensor*>(at_)), index);
    case Form::kTensor:
      return Maker::tensor_item(*this, look(*static_cast<const Tensor*>(at_)), index);
    default: return {};
  }
}

std::string_view ValueView::key(std::size_t index) const {
  const auto position = static_cast<std::uint32_t>(index);
  switch (form_) {
    case Form::kValue: return view_of(static_cast<const fbs::Value*>(at_)->keys()->Get(position));
    case Form::kValueMap:
      return (static_cast<const ValueMap*>(at_)->begin() + static_cast<std::ptrdiff_t>(index))
          ->first;
    case Form::kScoreTables:
      return view_of(static_cast<const ScoreTables*>(at_)->Get(position)->name());
    case Form::kNamedScores: return (*static_cast<const std::vector<NamedScore>*>(at_))[index].name;
    default: return {};
  }
}

ValueView ValueView::find(std::string_view key) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (this->key(i) == key) return item(i);
  }
  return {};
}

ValueView ValueView::field(DocumentField field) const {
  if (form_ == Form::kTable) return Maker::field(*static_cast<const DocumentTable*>(at_), field);
  if (form_ == Form::kFields) return Maker::field(*static_cast<const DocumentFields*>(at_), field);
  return {};
}

ValueView ValueView::score_value() const {
  return Maker::number(form_ == Form::kScoreTable
                           ? static_cast<const fbs::NamedScore*>(at_)->value()
                           : static_cast<const NamedScore*>(at_)->value);
}

ValueView ValueView::score_description() const {
  if (form_ == Form::kNamedScore) {
    return Maker::string(static_cast<const NamedScore*>(at_)->description);
  }
  return Maker::string(view_of(static_cast<const fbs::NamedScore*>(at_)->description()));
}

bool ValueView::same_place(const ValueView& other) const {
  return form_ != Form::kNothing && form_ == other.form_ && kind_ == other.kind_ &&
         at_ == other.at_ && axis_ == other.axis_ && element_ == other.element_;
}

std::string_view to_string(ValueView::Kind kind) {
  static constexpr std::array<std::string_view, 10> kNames{
      "null", "bool", "int", "double", "string", "bytes", "list", "map", "document", "score"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace flow::wire
