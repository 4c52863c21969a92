#include "contents.h"

#include <fmt/format.h>

#include <utility>

#include "base/units.h"

namespace flow::worker {
namespace {

Status check_size(std::size_t size, std::size_t limit) {
  if (size <= limit) return {};
  return Error{Errc::kTooLarge, fmt::format("documents of {} ({} bytes), at most {} are allowed",
                                            format_size(size), size, format_size(limit))};
}

}  // namespace

void Contents::reset(Bytes payload) {
  form_ = Form::kPayload;
  borrowed_ = nullptr;
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

void Contents::forget() {
  list_ = Documents();
  matrix_.clear();
  reset(Bytes());
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
    Result<Documents> opened = Documents::open(payload());
    reset(Bytes());
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

Result<Bytes> Contents::encode(std::size_t limit, wire::DocumentIds& ids) {
  if (form_ == Form::kMatrix) join_matrix();
  Documents list = std::exchange(list_, {});
  if (list.size() > wire::kMaxDocuments) {
    return Error{Errc::kTooLarge, fmt::format("{} documents, at most {} are allowed", list.size(),
                                              wire::kMaxDocuments)};
  }
  // A document without an id would be taken for two where branches meet.
  for (Document& document : list) {
    if (!document.encoded()) ids.fill(document);
  }
  if (const std::size_t size = list.estimated_size(); size / 2 > limit) {
    return Error{Errc::kTooLarge, fmt::format("documents of about {}, at most {} are allowed",
                                              format_size(size), format_size(limit))};
  }
  return list.empty() ? Bytes() : list.encode();
}

Status Contents::make_payload(std::size_t limit, wire::DocumentIds& ids, Bytes& payload) {
  if (form_ == Form::kPayload) {
    if (Status fits = check_size(this->payload().size(), limit); !fits) return fits;
    if (borrowed_ == nullptr) {
      payload = std::move(payload_);
    } else if (borrowed_ != &payload) {
      payload = *borrowed_;
    }
    return {};
  }
  Result<Bytes> encoded = encode(limit, ids);
  payload_.clear();
  if (!encoded) return std::move(encoded).error();
  if (Status fits = check_size(encoded->size(), limit); !fits) return fits;
  payload = *std::move(encoded);
  return {};
}

Result<Bytes> Contents::finish(std::size_t limit, wire::DocumentIds& ids) {
  Bytes payload;
  if (Status finished = finish(limit, ids, payload); !finished) return std::move(finished).error();
  return payload;
}

}  // namespace flow::worker
