// The documents of one execution: opened when first asked for, encoded only when changed.
#pragma once

#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "flow/executor.h"
#include "wire/document_ids.h"
#include "wire/document_list.h"

namespace flow::worker {

// Starts as a payload nobody has looked at, as one list (reduced) or as one list a need or shard
// (unreduced), and becomes what the handler asks for. Used again for every job.
class Contents {
 public:
  // Of a payload that stays where it is until finish(): nothing is shared before somebody asks.
  void borrow(const Bytes& payload) {
    form_ = Form::kPayload;
    borrowed_ = &payload;
  }
  void reset(Bytes payload);
  void reset(Documents documents);
  void reset(DocumentsMatrix matrix);

  // Lets go of what is left, as after a failure.
  void clear() {
    borrowed_ = nullptr;
    if (form_ != Form::kPayload || !payload_.empty()) forget();
  }

  // The name of the first need, for matrix() of a single list. Outlives the job.
  void set_first_need(std::string_view name) { first_need_ = name; }

  // All documents together. kInvalidArgument when the payload does not verify.
  Result<Documents*> documents();

  // One part a need, or a shard of the only need; a single list is one part. Fails as documents()
  // does.
  Result<DocumentsMatrix*> matrix();

  // Replaces everything.
  void answer(Documents documents);

  // What goes on: the very payload it began with if nobody changed it. `ids` are for documents that
  // an executor made without one. kTooLarge with more documents than a list may have, or more bytes
  // than `limit`. `payload` may be the one that was borrowed, and stays as it is on failure.
  Status finish(std::size_t limit, wire::DocumentIds& ids, Bytes& payload) {
    const bool untouched = form_ == Form::kPayload && borrowed_ == &payload;
    if (untouched && payload.size() <= limit) return {};
    return make_payload(limit, ids, payload);
  }
  Result<Bytes> finish(std::size_t limit, wire::DocumentIds& ids);

 private:
  enum class Form { kPayload, kList, kMatrix };

  const Bytes& payload() const { return borrowed_ != nullptr ? *borrowed_ : payload_; }
  void forget();
  void join_matrix();
  Status make_payload(std::size_t limit, wire::DocumentIds& ids, Bytes& payload);
  Result<Bytes> encode(std::size_t limit, wire::DocumentIds& ids);

  Form form_ = Form::kPayload;
  const Bytes* borrowed_ = nullptr;
  std::string_view first_need_;
  Bytes payload_;
  Documents list_;
  DocumentsMatrix matrix_;
};

}  // namespace flow::worker
