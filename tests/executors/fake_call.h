// Driving an executor's handlers without a worker.
//
// run() does what the runtime does with a request: finds the binding of the endpoint ("/default"
// when it is not bound itself), hands in the documents or the parts, and returns the answer. An
// endpoint that is not bound passes. Exceptions of the handler come through.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flow/executor.h"

namespace flow::executors::testing {

// What a request says of the write it is.
struct Stamp {
  WriteVersion version;
  bool catching_up = false;
};

class FakeRequest final : public Request {
 public:
  FakeRequest(std::string endpoint, ValueMap parameters, Stamp stamp = {})
      : endpoint_(std::move(endpoint)), parameters_(std::move(parameters)), stamp_(stamp) {}
  std::string_view endpoint() const override { return endpoint_; }
  std::string id() const override { return "1-1"; }
  const ValueMap& parameters() const override { return parameters_; }
  Duration remaining() const override { return std::chrono::seconds(10); }
  WriteVersion version() const override { return stamp_.version; }
  bool catching_up() const override { return stamp_.catching_up; }

 private:
  std::string endpoint_;
  ValueMap parameters_;
  Stamp stamp_;
};

class FakeCall final : public Executor::Call {
 public:
  FakeCall(std::string endpoint, ValueMap parameters, DocumentsMatrix parts, Stamp stamp = {})
      : request_(std::move(endpoint), std::move(parameters), stamp), parts_(std::move(parts)) {}

  const Request& request() const override { return request_; }
  Documents& documents() override {
    looked_ = true;
    if (!joined_) {
      joined_.emplace();
      for (SourcePart& part : parts_) {
        for (Document& document : part.documents)
          joined_->push_back(std::move(document));
      }
    }
    return *joined_;
  }
  DocumentsMatrix& matrix() override {
    looked_ = true;
    return parts_;
  }
  void answer(Documents documents) override { joined_ = std::move(documents); }
  void answer_results(ValueMap results) override { results_ = std::move(results); }

  bool looked() const { return looked_; }  // whether the handler opened the payload
  Documents result() { return std::move(documents()); }
  const std::optional<ValueMap>& results() const { return results_; }

 private:
  FakeRequest request_;
  DocumentsMatrix parts_;
  std::optional<Documents> joined_;
  std::optional<ValueMap> results_;
  bool looked_ = false;
};

inline const Executor::Binding* binding_of(const Executor& executor, std::string_view endpoint) {
  const Executor::Binding* fallback = nullptr;
  for (const Executor::Binding& binding : executor.bindings()) {
    if (binding.endpoint == endpoint) return &binding;
    if (binding.endpoint == "/default") fallback = &binding;
  }
  return fallback;
}

inline Documents run_parts(Executor& executor, std::string endpoint, DocumentsMatrix parts,
                           ValueMap parameters = {}, Stamp stamp = {}) {
  const Executor::Binding* binding = binding_of(executor, endpoint);
  FakeCall call(std::move(endpoint), std::move(parameters), std::move(parts), stamp);
  if (binding != nullptr) binding->handler(call);
  return call.result();
}

inline Documents run(Executor& executor, std::string endpoint, Documents documents,
                     ValueMap parameters = {}, Stamp stamp = {}) {
  DocumentsMatrix parts;
  parts.push_back({"gateway", std::move(documents)});
  return run_parts(executor, std::move(endpoint), std::move(parts), std::move(parameters), stamp);
}

inline Document text_document(std::string_view id, std::string_view text) {
  Document document;
  document.set_id(id);
  document.set_text(text);
  return document;
}

inline Document vector_document(std::string_view id, const std::vector<float>& embedding) {
  Document document;
  document.set_id(id);
  document.set_embedding(embedding);
  return document;
}

inline Documents list_of(std::vector<Document> documents) {
  return Documents(std::move(documents));
}

inline std::vector<std::string> match_ids(const Document& document) {
  std::vector<std::string> ids;
  for (const Document& match : document.matches())
    ids.emplace_back(match.id());
  return ids;
}

// A fresh folder, removed with everything in it at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "flow-test-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline ExecutorConfig config_in(const TempFolder& folder, ValueMap with = {}) {
  ExecutorConfig config(std::move(with));
  config.name = "it";
  config.instance = "it/rep-0";
  config.workspace = folder.path() + "/work";
  return config;
}

}  // namespace flow::executors::testing
