#include "contents.h"

#include <fmt/format.h>

#include "base/units.h"

namespace flow::worker {

void Contents::reset(Bytes payload) {
  form_ = Form::kPayload;
  payload_ = std::move(payload);
}

void Contents::reset(Documents documents) {
  form_ = Form::kList;
  list_ = std::move(documents);
}

void Contents::reset(DocumentsMatrix matrix) {
  form_ = Form::kMatrix;
  matrix_ = std::move(matrix);
}

void Contents::answer(Documents documents) {
  reset(std::move(documents));
  matrix_.clear();
}

// Several parts become one list; a single one is taken as it is, with its bytes.
void Contents::join_matrix() {
  Documents all;
  if (matrix_.size() == 1) {
    all = std::move(matrix_.front().documents);
  } else {
    for (SourcePart& part : matrix_) {
      for (Document& document : part.documents)
        all.push_back(std::move(document));
    }
  }
  matrix_.clear();
  reset(std::move(all));
}

Result<Documents*> Contents::documents() {
  if (form_ == Form::kPayload) {
    Result<Documents> opened = Documents::open(std::move(payload_));
    payload_ = Bytes();
    if (!opened) return std::move(opened).error();
    reset(std::move(*opened));
  }
  if (form_ == Form::kMatrix) join_matrix();
  return &list_;
}

Result<DocumentsMatrix*> Contents::matrix() {
  if (form_ == Form::kMatrix) return &matrix_;
  const Result<Documents*> list = documents();
  if (!list) return list.error();
  DocumentsMatrix one;
  one.push_back({std::string(first_need_), std::move(**list)});
  list_ = Documents();
  reset(std::move(one));
  return &matrix_;
}

Result<Bytes> Contents::finish(std::size_t limit, wire::DocumentIds& ids) {
  Bytes result;
  if (form_ == Form::kPayload) {
    result = std::move(payload_);
  } else {
    if (form_ == Form::kMatrix) join_matrix();
    if (list_.size() > wire::kMaxDocuments) {
      return Error{Errc::kTooLarge, fmt::format("{} documents, at most {} are allowed",
                                                list_.size(), wire::kMaxDocuments)};
    }
    // A document without an id would be taken for two where branches meet.
    for (Document& document : list_) {
      if (!document.encoded()) ids.fill(document);
    }
    if (const std::size_t size = list_.estimated_size(); size / 2 > limit) {
      list_ = Documents();
      return Error{Errc::kTooLarge, fmt::format("documents of about {}, at most {} are allowed",
                                                format_size(size), format_size(limit))};
    }
    if (!list_.empty()) result = list_.encode();
  }
  list_ = Documents();
  payload_ = Bytes();
  if (result.size() > limit) {
    return Error{Errc::kTooLarge,
                 fmt::format("documents of {} ({} bytes), at most {} are allowed",
                             format_size(result.size()), result.size(), format_size(limit))};
  }
  return result;
}

}  // namespace flow::worker
