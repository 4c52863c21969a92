// A look at one value inside a document, encoded or decoded, without decoding anything.
//
// A view: a few words, copied freely, valid until the document changes or dies. What is not there
// is null; an unset text, number, list or map of a document is empty instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/document_field.h"
#include "base/value.h"
#include "wire/document.h"

namespace flow::wire {

class ValueView {
 public:
  // A tensor is a list of lists of numbers, without any element an empty list. kScore: one entry
  // of `scores` or `evaluations`, which are maps.
  enum class Kind : std::uint8_t {
    kNull,
    kBool,
    kInt,
    kDouble,
    kString,
    kBytes,
    kList,
    kMap,
    kDocument,
    kScore
  };

  ValueView() = default;  // null
  explicit ValueView(const Value& value);
  explicit ValueView(const Document& document);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }

  std::int64_t integer() const { return integer_; }         // kBool (0, 1), kInt
  double number() const { return number_; }                 // kDouble
  std::string_view text() const { return {text_, size_}; }  // kString, kBytes

  // Items of a list or map, bytes of a string or byte string, else 0.
  std::size_t size() const { return size_; }

  ValueView item(std::size_t index) const;        // of a list or map; index < size()
  std::string_view key(std::size_t index) const;  // of a map; index < size()
  ValueView find(std::string_view key) const;     // of a map; null when missing
  ValueView field(DocumentField field) const;     // of a document
  ValueView score_value() const;                  // of a score
  ValueView score_description() const;            // of a score

  // Whether both look at the same list, map, document or score.
  bool same_place(const ValueView& other) const;

 private:
  struct Maker;

  // What `at_` points at.
  enum class Form : std::uint8_t {
    kNothing,
    kValue,
    kValueList,
    kValueMap,
    kTable,
    kFields,
    kTables,
    kDocuments,
    kScoreTable,
    kNamedScore,
    kScoreTables,
    kNamedScores,
    kNumbers,
    kTensorTable,  // dimensions from `axis_`, elements from `element_`
    kTensor        // the same
  };

  Kind kind_ = Kind::kNull;
  Form form_ = Form::kNothing;
  std::uint32_t axis_ = 0;
  std::size_t size_ = 0;
  std::size_t element_ = 0;
  union {
    std::int64_t integer_ = 0;
    double number_;
    const char* text_;
    const void* at_;
  };
};

// "null", "bool", "int", "double", "string", "bytes", "list", "map", "document", "score".
std::string_view to_string(ValueView::Kind kind);

}  // namespace flow::wire
