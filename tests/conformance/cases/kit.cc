// case-kit: the executor that the named cases are made of; `with.mode` says what it does with the
// documents, the other keys what happens around that.
//
//   mode      see modes() at the end
//   endpoint  binds only this one; default: every endpoint
//   text      what a mode writes
//   document  JSON whose fields "fields" sets; a list has one a shard
//   n         matches and chunks that "fields" adds
//   log       a file: "INSTANCE begins", "INSTANCE ends" or "INSTANCE fails" for each call
//   gate      a file: a call waits until it is there; with gate_text only one that has a document
//   of
//             this text, with gate_shard only this shard
//   devices   a file: "INSTANCE CUDA_VISIBLE_DEVICES" when the executor is constructed
//   fail      what to throw with: std::logic_error; "division by zero": std::domain_error; with
//             fail_shard only this shard
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "flow/executor.h"
#include "wire/document_json.h"

namespace {

std::atomic<std::int64_t> g_received = 0;  // bytes that came out of sockets of this process

}  // namespace

// Stands before the C library's: libzmq reads its sockets through it.
extern "C" ssize_t recv(int socket, void* buffer, size_t size, int flags) {
  using Recv = ssize_t (*)(int, void*, size_t, int);
  static const Recv real = reinterpret_cast<Recv>(dlsym(RTLD_NEXT, "recv"));
  const ssize_t got = real(socket, buffer, size, flags);
  if (got > 0) g_received += got;
  return got;
}

namespace {

using namespace flow;

constexpr int kGateMs = 2;

Document with_text(std::string_view text) {
  Document document;
  document.set_text(text);
  return document;
}

Document parsed(const std::string& json) {
  Result<Document> document = wire::document_from_json(json);
  if (!document) throw ConfigError(document.error().message);
  return *std::move(document);
}

// What is set in `from`, into `to`.
void set_fields(const wire::DocumentFields& from, wire::DocumentFields& to) {
  if (!from.text.empty()) to.text = from.text;
  if (!from.modality.empty()) to.modality = from.modality;
  if (from.embedding) to.embedding = from.embedding;
  if (!from.tags.empty()) to.tags = from.tags;
  if (!from.scores.empty()) to.scores = from.scores;
  if (!from.matches.empty()) to.matches = from.matches;
}

class Kit : public Executor {
 public:
  explicit Kit(const ExecutorConfig& config)
      : config_(config),
        text_(config.get("text", "")),
        log_(config.get("log", "")),
        gate_(config.get("gate", "")),
        fail_(config.get("fail", "")),
        gate_text_(config.get("gate_text", "")),
        gate_shard_(config.get("gate_shard", -1)),
        fail_shard_(config.get("fail_shard", -1)),
        n_(config.get("n", 0)) {
    read_documents(config);
    if (const std::string file = config.get("devices", ""); !file.empty()) {
      const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
      const bool told = config.devices == (visible == nullptr ? "" : visible);
      append(file, told ? visible == nullptr ? "(unset)" : visible : "(not as in the config)");
    }
    const std::string name = config.get("mode", "pass");
    const auto mode = std::ranges::find(modes(), std::string_view(name), &Mode::name);
    if (mode == modes().end()) throw ConfigError("no mode '" + name + "'");
    bind(config.get("endpoint", "/default"), mode->wants_matrix,
         [this, run = mode->run](Call& call) { handle(call, run); });
  }

 private:
  using Run = void (Kit::*)(Call&);
  struct Mode {
    std::string_view name;
    Run run;
    bool wants_matrix = false;
  };
  static const std::array<Mode, 18>& modes();

  void read_documents(const ExecutorConfig& config) {
    const Value* given = config.find("document");
    if (given == nullptr) return;
    if (const ValueList* list = given->if_list()) {
      for (const Value& one : *list)
        documents_.push_back(parsed(*one.if_string()));
    } else {
      documents_.push_back(parsed(*given->if_string()));
    }
  }

  void handle(Call& call, Run run) {
    say("begins");
    while (is_held(call) && ::access(gate_.c_str(), F_OK) != 0)
      ::poll(nullptr, 0, kGateMs);
    if (!fail_.empty() && is_shard(fail_shard_)) {
      say("fails");
      if (fail_ == "division by zero") throw std::domain_error(fail_);
      throw std::logic_error(fail_);
    }
    (this->*run)(call);
    say("ends");
  }

  bool is_shard(std::int64_t only) const { return only < 0 || only == config_.shard; }

  bool is_held(Call& call) const {
    if (gate_.empty() || !is_shard(gate_shard_)) return false;
    if (gate_text_.empty()) return true;
    return std::ranges::any_of(call.documents(), [this](const Document& document) {
      return document.text() == gate_text_;
    });
  }

  void say(std::string_view what) const {
    if (!log_.empty()) append(log_, what);
  }

  void append(const std::string& path, std::string_view what) const {
    const std::string line = fmt::format("{} {}\n", config_.instance, what);
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
    const ssize_t written = ::write(file, line.data(), line.size());
    ::close(file);
    if (written < 0) throw std::runtime_error("the log cannot be written");
  }

  void pass(Call& /*call*/) {}
  void set_text(Call& call) {
    for (Document& document : call.documents())
      document.set_text(text_);
  }
  void append_count(Call& call) {
    Documents& list = call.documents();
    list.push_back(with_text(fmt::format("{} got {}", text_, list.size())));
  }
  void append_shard(Call& call) {
    call.documents().push_back(with_text(std::to_string(config_.shard)));
  }
  void tag_instance(Call& call) {
    for (Document& document : call.documents())
      document.set_tag("instance", config_.instance);
  }
  void fields(Call& call) {
    const Document& source =
        documents_.at(std::min<std::size_t>(config_.shard, documents_.size() - 1));
    for (Document& document : call.documents()) {
      set_fields(source.fields(), document.change());
      if (text_ == "{instance}") document.set_text(config_.instance);
      for (std::int64_t i = 0; i < n_; ++i) {
        document.add_match(child('m', i));
        document.add_chunk(child('c', i));
      }
    }
  }
  Document child(char kind, std::int64_t number) const {
    Document made;
    made.set_id(fmt::format("{}-{}-{}", kind, config_.shard, number));
    return made;
  }
  void two_new(Call& call) { call.answer(Documents({with_text("new 1"), with_text("new 2")})); }
  void two_chunks(Call& call) {
    for (Document& document : call.documents()) {
      document.add_chunk(with_text(config_.name + " 1"));
      document.add_chunk(with_text(config_.name + " 2"));
    }
  }
  void mark_two(Call& call) {
    if (call.documents().size() == 2) call.documents()[0].set_text("merged");
  }
  void answer_parameter(Call& call) {
    const Result<Value> list = parse_json(*call.request().parameters().find("docs")->if_string());
    Documents answer;
    for (const Value& one : *list->if_list())
      answer.push_back(*wire::document_from_value(one));
    call.answer(std::move(answer));
  }
  void add_parameter(Call& call) {
    const Value* given = call.request().parameters().find("text_to_add");
    const std::string& added = given != nullptr ? *given->if_string() : text_;
    for (Document& document : call.documents())
      document.set_text(std::string(document.text()) + added);
  }
  void change_nested(Call& call) {
    for (Document& document : call.documents()) {
      ValueMap& tags = document.change().tags;
      tags.find("hey")->if_map()->set("nested", false);
      (*tags.find("hey")->if_map()->find("list")->if_list())[1].if_map()->set("inner", "changed");
      (*tags.find("hoy")->if_list())[1] = 7;
    }
  }
  void environment(Call& call) {
    ValueMap seen;
    for (const char* name : {"KEY_1", "KEY_2", "EVERYBODY"}) {
      if (const char* value = std::getenv(name)) seen.set(name, std::string(value));
    }
    call.answer_results(std::move(seen));
  }
  void describe(Call& call) {
    call.answer_results({{"shard_id", std::int64_t{config_.shard}},
                         {"shards", std::int64_t{config_.shards}},
                         {"replica_id", std::int64_t{config_.replica}},
                         {"replicas", std::int64_t{config_.replicas}}});
  }
  void received(Call& call) { call.answer_results({{"bytes", g_received.load()}}); }
  void chain(Call& call) {
    Documents all;
    const auto parts = static_cast<std::int64_t>(call.matrix().size());
    for (SourcePart& part : call.matrix()) {
      for (Document& document : part.documents) {
        document.set_tag("parts", parts);
        document.set_tag("source", part.source);
        all.push_back(std::move(document));
      }
    }
    call.answer(std::move(all));
  }
  void fake_document(Call& call) { call.answer(Documents({with_text("fake_document")})); }

  ExecutorConfig config_;
  std::string text_;
  std::string log_;
  std::string gate_;
  std::string fail_;
  std::string gate_text_;
  std::int64_t gate_shard_;
  std::int64_t fail_shard_;
  std::int64_t n_;
  std::vector<Document> documents_;
};

const std::array<Kit::Mode, 18>& Kit::modes() {
  static const std::array<Mode, 18> kModes{
      {{"pass", &Kit::pass},
       {"set-text", &Kit::set_text},
       {"append-count", &Kit::append_count},  // "TEXT got N": how many documents came
       {"append-shard", &Kit::append_shard},  // a document with the number of the shard
       {"tag-instance", &Kit::tag_instance},  // tags.instance on every document
       {"fields", &Kit::fields},              // sets what `document` sets, adds `n` children
       {"two-new", &Kit::two_new},            // answers with two documents of its own
       {"two-chunks", &Kit::two_chunks},      // adds two chunks to every document
       {"mark-two", &Kit::mark_two},          // of exactly two documents the first is "merged"
       {"answer-parameter", &Kit::answer_parameter},  // answers with the documents in `docs`
       {"add-parameter", &Kit::add_parameter},        // adds the parameter `text_to_add`, else TEXT
       {"change-nested", &Kit::change_nested},        // changes nested tags in place
       {"environment", &Kit::environment},            // a dictionary of three variables
       {"describe", &Kit::describe},                  // a dictionary of shard and replica numbers
       {"received", &Kit::received},                  // a dictionary of the bytes that came so far
       {"chain", &Kit::chain, true},                  // all parts, one after the other, tagged
       {"fake-document", &Kit::fake_document},        // answers with one document of its own
       {"fake-of-parts", &Kit::fake_document, true}}};
  return kModes;
}

}  // namespace

int main(int argc, char** argv) {
  return flow::run_executor<Kit>(argc, argv);
}
