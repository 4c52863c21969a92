#include "interpreter.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <regex>

#include "base/check.h"

namespace flow::sim {
namespace {

using graph::ExecutorDecl;
using model::Documents;

struct Failed {
  Errc code;
  std::string message;
  std::string executor;
};

// What one shard of a node sends on.
struct Part {
  int shard = 0;
  std::optional<Failed> failed;
  std::optional<Documents> documents;  // nothing: a failure with several lists
  std::set<std::pair<std::string, int>> missing;
  std::map<std::string, ValueMap> results;
};

// All that a node sends on.
struct Sent {
  std::string executor;  // "gateway"
  Polling polling = Polling::kAny;
  bool no_reduce = false;
  bool allow_partial = false;
  std::vector<Part> parts;  // by shard
};

// One node of an executor: its uses_before, itself, its uses_after.
struct Step {
  std::string name;
  std::string executor;
  Polling polling = Polling::kAny;
  int shards = 1;
  bool unreduced = false;       // what it gets from its needs stays apart
  bool apart_by_shard = false;  // and what it gets from the shards of its only one
  bool shards_stay_apart = false;
  bool allow_partial = false;
  bool external = false;
};

// Which documents one shard of a node gets: all, or those whose ids fall to it.
struct Share {
  int shard = 0;
  int shards = 1;

  bool has(const model::Document& document) const {
    const std::string& id = *document.find("id")->if_string();
    return XXH64_hash_t(XXH3_64bits_withSeed(id.data(), id.size(), 0)) %
               static_cast<unsigned>(shards) ==
           static_cast<unsigned>(shard);
  }
};

// What meets at one instance.
struct Met {
  std::optional<Part> failed;
  std::vector<Documents> lists;      // one a need, or one a shard
  std::vector<std::string> sources;  // of the lists
  std::set<std::pair<std::string, int>> missing;
  std::map<std::string, ValueMap> results;
};

Polling polling_of(const ExecutorDecl& executor, const std::string& endpoint) {
  if (executor.shards == 1) return Polling::kAny;
  for (const auto& [name, polling] : executor.polling.endpoints) {
    if (name == endpoint) return polling;
  }
  if (endpoint == "/search") return Polling::kAll;
  if (endpoint == "/index") return Polling::kAny;
  return executor.polling.others.value_or(Polling::kAny);
}

bool hashes(const ExecutorDecl& executor) {
  const auto& polling = executor.polling;
  return executor.shards > 1 && (polling.others == Polling::kHash ||
                                 std::ranges::any_of(polling.endpoints, [](const auto& entry) {
                                   return entry.second == Polling::kHash;
                                 }));
}

class Interpreter {
 public:
  Interpreter(const ScriptedFlow& flow, const Asked& asked, Choices& choices)
      : flow_(flow), asked_(asked), choices_(choices) {}

  Answer answer() {
    for (const ExecutorDecl& executor : flow_.declaration.executors)
      run(executor);
    const Sent& last = sent_by(sink());
    Met met = meet({&last}, {}, nullptr, "", false);
    Answer answer;
    answer.executions = executions_;
    if (met.failed) {
      answer.code = met.failed->failed->code;
      answer.message = met.failed->failed->message;
      answer.executor = met.failed->failed->executor;
      answer.documents = std::move(met.failed->documents);
      return answer;
    }
    answer.documents = std::move(met.lists.front());
    answer.missing = std::move(met.missing);
    answer.results = std::move(met.results);
    const auto sorts = [](const ExecutorDecl& each) { return each.when || hashes(each); };
    const bool echo = sink() == "gateway";
    if (!echo && std::ranges::any_of(flow_.declaration.executors, sorts))
      model::sort_as(*answer.documents, asked_.documents);
    return answer;
  }

 private:
  const ExecutorDecl& find(const std::string& name) const {
    const auto found = std::ranges::find(flow_.declaration.executors, name,
                                         [](const ExecutorDecl& each) { return each.name.value; });
    FLOW_CHECK(found != flow_.declaration.executors.end(), "an unknown need");
    return *found;
  }

  // Whether an executor floats all the same: one that the main line needs does not.
  bool floats(const ExecutorDecl& executor) const {
    if (!executor.floating) return false;
    return std::ranges::none_of(flow_.declaration.executors, [&](const ExecutorDecl& other) {
      const bool needs_it = std::ranges::any_of(
          other.needs, [&](const auto& need) { return need.value == executor.name.value; });
      return needs_it && !floats(other);
    });
  }

  std::string sink() const {
    std::string last = "gateway";
    for (const ExecutorDecl& executor : flow_.declaration.executors) {
      if (!floats(executor)) last = executor.name.value;
    }
    return last;
  }

  const Sent& sent_by(const std::string& name) {
    if (const auto known = sent_.find(name); known != sent_.end()) return known->second;
    if (name != "gateway") {
      run(find(name));
      return sent_.at(name);
    }
    Sent request;
    request.executor = name;
    request.parts.push_back({0, std::nullopt, asked_.documents, {}, {}});
    return sent_.emplace(name, std::move(request)).first->second;
  }

  void run(const ExecutorDecl& executor) {
    if (sent_.contains(executor.name.value)) return;
    std::vector<const Sent*> from;
    for (const auto& need : executor.needs) {
      const Sent& sent = sent_by(need.value);
      if (std::ranges::find(from, &sent) == from.end()) from.push_back(&sent);
    }
    const ValueMap* when = executor.when ? &*executor.when : nullptr;
    const std::string& name = executor.name.value;
    const bool joins = from.size() > 1;
    const bool off =
        joins && executor.uses_before && executor.uses_before->uses.value == "BaseExecutor";
    const bool unreduced = joins && (executor.no_reduce || off);
    Sent before;
    if (executor.uses_before && !off) {
      Step step{.name = name + "/uses_before", .executor = name};
      step.unreduced = joins && (executor.no_reduce || runs(step.name, name));
      before = take(step, from, when);
      from = {&before};
      when = nullptr;
    }
    Step step{.name = name, .executor = name};
    step.shards = static_cast<int>(executor.shards);
    if (runs(name, name)) step.polling = polling_of(executor, asked_.endpoint);
    step.unreduced = unreduced;
    step.shards_stay_apart = executor.no_reduce || off;
    step.allow_partial = executor.allow_partial;
    step.external = executor.external;
    Sent result = take(step, from, when);
    if (executor.uses_after) {
      Step after{.name = name + "/uses_after", .executor = name};
      after.apart_by_shard = runs(after.name, name);
      result = take(after, {&result}, nullptr);
    }
    sent_.emplace(name, std::move(result));
  }

  const Program* program(const std::string& node) const {
    const auto found = flow_.programs.find(node);
    return found == flow_.programs.end() ? nullptr : &found->second;
  }

  const ValueList* script(const std::string& node) const {
    static const ValueList kNothing;
    const Program* found = program(node);
    if (found == nullptr) return &kNothing;
    const Value* operations = found->endpoints.find(asked_.endpoint);
    if (operations == nullptr) operations = found->endpoints.find("/default");
    return operations == nullptr ? nullptr : operations->if_list();
  }

  // Whether its handler is called: it has one for the endpoint and the target names its executor.
  bool runs(const std::string& node, const std::string& executor) const {
    if (script(node) == nullptr) return false;
    return asked_.target.empty() || std::regex_search(executor, std::regex(asked_.target),
                                                      std::regex_constants::match_continuous);
  }

  Sent take(const Step& step, const std::vector<const Sent*>& from, const ValueMap* when) {
    Sent sent;
    sent.executor = step.executor;
    sent.polling = step.polling;
    sent.no_reduce = step.shards_stay_apart;
    sent.allow_partial = step.allow_partial;
    if (step.polling == Polling::kAny) {
      sent.parts.push_back(execute(step, from, when, 0));
    } else {
      for (int shard = 0; shard < step.shards; ++shard)
        sent.parts.push_back(execute(step, from, when, shard));
    }
    return sent;
  }

  Part execute(const Step& step, const std::vector<const Sent*>& from, const ValueMap* when,
               int shard) {
    const bool called = runs(step.name, step.executor);
    const Program* own = program(step.name);
    const bool matrix = called && own != nullptr && own->matrix && from.size() > 1;
    Share share;
    if (step.polling == Polling::kHash) share = {shard, step.shards};
    Met met = meet(from, share, when, step.executor, step.apart_by_shard, step.unreduced || matrix);
    if (met.failed) {
      met.failed->shard = shard;
      return *std::move(met.failed);
    }
    Part part;
    part.shard = shard;
    part.missing = std::move(met.missing);
    part.results = std::move(met.results);
    model::Input input;
    for (std::size_t i = 0; i < met.lists.size(); ++i) {
      input.sizes.emplace_back(static_cast<std::int64_t>(met.lists[i].size()));
      input.sources.emplace_back(met.sources[i]);
      input.documents.insert(input.documents.end(), met.lists[i].begin(), met.lists[i].end());
    }
    if (!called) {
      part.documents = std::move(input.documents);
      return part;
    }
    if (step.polling == Polling::kAny)
      shard = part.shard = step.shards == 1 ? 0 : choices_.shard(step.name, step.shards);
    executions_.emplace(step.name, shard);
    input.parameters = asked_.parameters;
    const std::size_t documents = input.documents.size();
    std::optional<Documents> before;
    if (met.lists.size() == 1) before = met.lists.front();
    model::Output output = model::run_script(*script(step.name),
                                             {step.executor, shard, step.shards}, std::move(input));
    // Of an external executor: what its far end does without (far.h).
    if (step.external && documents % 2 == 1) part.missing.emplace(step.name + "/inner", 1);
    if (output.results) part.results[fmt::format("{}:{}", step.name, shard)] = *output.results;
    if (output.failure) {
      part.failed = {Errc::kExecutorError, *output.failure, step.executor};
      part.documents = std::move(before);
    } else {
      part.documents = std::move(output.documents);
    }
    return part;
  }

  // The parts of one need as they reach `executor`: filtered where they are sent.
  static std::vector<Part> filtered(const Sent& sent, const ValueMap* when,
                                    const std::string& executor) {
    std::vector<Part> parts = sent.parts;
    for (Part& part : parts) {
      if (when == nullptr || part.failed) continue;
      Documents passed;
      for (const model::Document& document : *part.documents) {
        const std::optional<bool> passes = model::passes(document, *when);
        if (!passes) {
          part.failed = {Errc::kInvalidArgument, "", executor};
          part.documents.reset();
          break;
        }
        if (*passes) passed.push_back(document);
      }
      if (!part.failed) part.documents = std::move(passed);
    }
    return parts;
  }

  // Of ALL_ASYNC the part that came first; of allow_partial those that succeeded.
  void choose(const Sent& sent, std::vector<Part>& parts, Met& met) {
    const auto failed = [&](const Part& part) {
      return part.failed.has_value() ||
             (sent.allow_partial && choices_.lost(sent.executor, part.shard));
    };
    const auto good =
        static_cast<int>(std::ranges::ssize(parts) - std::ranges::count_if(parts, failed));
    if (sent.polling == Polling::kAllAsync) {
      std::erase_if(parts, [&](const Part& part) { return good > 0 && failed(part); });
      const int first = good > 1 ? choices_.first(good) : 0;
      parts = {parts[static_cast<std::size_t>(first)]};
    } else if (sent.polling == Polling::kAll && sent.allow_partial && good > 0) {
      for (const Part& part : parts) {
        if (failed(part)) met.missing.emplace(sent.executor, part.shard);
      }
      std::erase_if(parts, failed);
    }
  }

  Met meet(const std::vector<const Sent*>& from, const Share& share, const ValueMap* when,
           const std::string& executor, bool apart_by_shard, bool unreduced = false) {
    Met met;
    std::vector<std::size_t> to_filter;  // lists that several shards made together
    for (const Sent* sent : from) {
      const bool whole = sent->polling == Polling::kAll || sent->polling == Polling::kHash;
      const bool together = whole && sent->parts.size() > 1;
      std::vector<Part> parts = filtered(*sent, together ? nullptr : when, executor);
      for (Part& part : parts) {
        if (!part.failed && share.shards > 1)
          std::erase_if(*part.documents, [&](const auto& each) { return !share.has(each); });
      }
      choose(*sent, parts, met);
      std::vector<Documents> lists;
      for (const Part& part : parts) {
        met.missing.insert(part.missing.begin(), part.missing.end());
        met.results.insert(part.results.begin(), part.results.end());
        if (part.failed && !met.failed) met.failed = part;
        if (!part.failed) lists.push_back(*part.documents);
      }
      if (met.failed) continue;
      if (!apart_by_shard)
        lists = {sent->no_reduce ? one_after_another(lists) : model::reduce_all(lists)};
      for (Documents& list : lists) {
        if (together) to_filter.push_back(met.lists.size());
        met.lists.push_back(std::move(list));
        met.sources.push_back(sent->executor);
      }
    }
    for (const std::size_t list : to_filter) {
      if (when == nullptr || met.failed) continue;
      Part whole;
      whole.documents = met.lists[list];
      Sent made;
      made.parts.push_back(std::move(whole));
      Part judged = filtered(made, when, executor).front();
      if (judged.failed) {
        met.failed = std::move(judged);
      } else {
        met.lists[list] = *std::move(judged.documents);
      }
    }
    if (!met.failed && !unreduced && !apart_by_shard && met.lists.size() > 1) {
      met.lists = {model::reduce_all(met.lists)};
      met.sources.resize(1);
    }
    return met;
  }

  static Documents one_after_another(const std::vector<Documents>& lists) {
    Documents all;
    for (const Documents& list : lists)
      all.insert(all.end(), list.begin(), list.end());
    return all;
  }

  const ScriptedFlow& flow_;
  const Asked& asked_;
  Choices& choices_;
  std::map<std::string, Sent> sent_;
  Executions executions_;
};

}  // namespace

Answer interpret(const ScriptedFlow& flow, const Asked& asked, Choices& choices) {
  return Interpreter(flow, asked, choices).answer();
}

}  // namespace flow::sim
