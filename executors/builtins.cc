#include "executors/builtins.h"

#include <memory>

#include "executors/add-matches/add_matches.h"
#include "executors/add-text/add_text.h"
#include "executors/append-name/append_name.h"
#include "executors/append/append.h"
#include "executors/fail/fail.h"
#include "executors/hashing-encoder/hashing_encoder.h"
#include "executors/match-merger/match_merger.h"
#include "executors/pass-through/pass_through.h"
#include "executors/rank-fusion/rank_fusion.h"
#include "executors/record/record.h"
#include "executors/set-text/set_text.h"
#include "executors/sleep/sleep.h"
#include "executors/text-index/text_index.h"
#include "executors/vector-index/vector_index.h"

namespace flow::executors {
namespace {

template <typename T>
std::unique_ptr<Executor> make(const ExecutorConfig& config) {
  return std::make_unique<T>(config);
}

}  // namespace

std::vector<NamedExecutor> builtins() {
  return {
      {"pass-through", make<PassThrough>},
      {"BaseExecutor", make<PassThrough>},
      {"append", make<Append>},
      {"set-text", make<SetText>},
      {"add-text", make<AddText>},
      {"append-name", make<AppendName>},
      {"sleep", make<Sleep>},
      {"fail", make<Fail>},
      {"record", make<Record>},
      {"add-matches", make<AddMatches>},
      {"match-merger", make<MatchMerger>},
      {"rank-fusion", make<RankFusion>},
      {"hashing-encoder", make<HashingEncoder>},
      {"vector-index", make<VectorIndex>},
      {"text-index", make<TextIndex>},
  };
}

}  // namespace flow::executors
