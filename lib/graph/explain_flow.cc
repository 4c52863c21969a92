#include <array>

#include "graph/codes.h"
#include "graph/explain.h"

namespace flow::graph {
namespace {

constexpr std::array kFlowEntries = {
    Explanation{
        codes::kBadName, "this is not a name for an executor",
        R"(An executor's name begins with a letter or _ and goes on with letters, digits, _ and -, at most 63
characters: it becomes part of folder names and of the names of its instances.

Wrong:  name = "my encoder"
Right:  name = "my-encoder")"},
    Explanation{
        codes::kReservedName, "this name is taken by the flow itself",
        R"(`gateway` is the entrance and the exit of every flow; `needs = "gateway"` means it.

Wrong:  [[executor]]
        name = "gateway"
Right:  [[executor]]
        name = "front")"},
    Explanation{codes::kDuplicateName, "two executors have the same name",
                R"(Names tell executors apart in `needs`, in results and in every message.

Wrong:  two [[executor]] with name = "encode"
Right:  name = "encode-text" and name = "encode-image")"},
    Explanation{
        codes::kUnknownNeed, "an executor needs one that does not exist",
        R"(Every name in `needs` is that of an executor of this flow, above or below, or `gateway`, or `*`.

Wrong:  name = "encode"      ...  needs = "encoder"
Right:  name = "encode"      ...  needs = "encode")"},
    Explanation{codes::kSelfNeed, "an executor needs itself",
                R"(It would wait for its own results for ever.

Wrong:  name = "rank"
        needs = ["index", "rank"]
Right:  name = "rank"
        needs = "index")"},
    Explanation{
        codes::kCycle, "executors wait for one another in a circle",
        R"(A flow runs from the gateway to its last executor; nothing flows back. The message names the executors
on the circle in order. Take away one of these needs.

Wrong:  a needs b, b needs a
Right:  a needs gateway, b needs a)"},
    Explanation{
        codes::kNoNeeds, "an executor needs nothing",
        R"(An empty list would mean an executor that nothing ever reaches. Without `needs` it gets the results of
the executor above; the first gets the requests.

Wrong:  needs = []
Right:  needs = "gateway")"},
    Explanation{
        codes::kNothingToJoin, "there is nothing that `*` could stand for",
        R"(`needs = "*"` joins every executor above that nobody else needs. Here there is none, because this is
the first executor or because the others are needed already.

Wrong:  the first [[executor]] with needs = "*"
Right:  branches first, then the one with needs = "*")"},
    Explanation{
        codes::kTooManyNodes, "the flow has too many executors",
        R"(A flow has at most 256 steps: each executor is one, and so is each uses_before and uses_after.

Wrong:  300 [[executor]] tables
Right:  two flows)"},
    Explanation{
        codes::kTooManyInstances, "the flow has too many processes",
        R"(All shards of all executors, each with all its replicas, are together at most 4096 processes.

Wrong:  two executors with replicas = 4000
Right:  replicas = 40)"},
    Explanation{
        codes::kBadFilter, "a filter is not one",
        R"(`when` is a table of fields, and under each a table of operators: $eq $ne $gt $gte $lt $lte $in $nin
$regex $size $exists; conditions are joined by $and, $or and $not. The fields are those of a document,
with __ between the steps of a path. The message says what is wrong at the marked place.

Wrong:  when = { "tags__lang" = "en" }
Wrong:  when = { "tags__lang" = { "$equals" = "en" } }
Right:  when = { "tags__lang" = { "$eq" = "en" } })"},
    Explanation{
        codes::kBadDevices, "a selector of GPUs is not one",
        R"(CUDA_VISIBLE_DEVICES = "RR..." gives each replica one of several GPUs, in turn. Behind RR stands which:
nothing for all of them; a number (RR2; RR-1 is the last), a slice as in Python (RR0:2, RR::2), a list of
numbers (RR1,3) or a list of UUIDs (RRGPU-8932f937,GPU-a1b2c3d4). A list that begins with a number goes on
with numbers, and a slice must not be empty whatever the number of GPUs. A value that does not begin with
RR is passed on as it is.

Wrong:  env = { CUDA_VISIBLE_DEVICES = "RR1,3," }
Wrong:  env = { CUDA_VISIBLE_DEVICES = "RR4:2" }
Right:  env = { CUDA_VISIBLE_DEVICES = "RR2:4" })"},
    Explanation{
        codes::kBadHosts, "hosts and ports of an external executor do not fit together",
        R"(`host` and `port` of an external executor are lists. With as many ports as hosts they are paired; one
host with several ports, or one port with several hosts, goes with each. A host that has a port itself
keeps it, and a path of a socket needs none. Everything else is a mistake.

Wrong:  host = "10.0.0.7,10.0.0.8"        port = [7001, 7002, 7003]
Right:  host = "10.0.0.7,10.0.0.8"        port = 7001
Right:  host = "10.0.0.7:7001,10.0.0.8:7002")"},
    Explanation{
        codes::kHostsReplicas, "an external executor has other replicas than hosts",
        R"(Each host of an external executor is a replica of it, so `replicas` need not be said. If it is, it is
the number of hosts.

Wrong:  host = "10.0.0.7:7001,10.0.0.8:7001"   replicas = 3
Right:  host = "10.0.0.7:7001,10.0.0.8:7001")"},
    Explanation{
        codes::kExternalKey, "a key that does not go with an external executor",
        R"(An external executor runs elsewhere: a flow, or a worker started with --listen. How it is sharded and
polled is decided there, and it is one step here. It takes one list of documents, so it cannot join
several executors with `no_reduce`. On the other hand, `host` and `port` mean something only with
`external = true`.

Wrong:  external = true, shards = 2
Right:  external = true, and shards = 2 in the flow it leads to)"},
    Explanation{
        codes::kBadBatching, "this executor cannot have batches",
        R"(`batching` puts the documents of several requests into one list for one execution. An executor that
gets the parts of its needs unreduced works on several lists, one a need.

Wrong:  needs = ["a", "b"], no_reduce = true, batching = { "/encode" = { size = 32 } }
Right:  the same without no_reduce, or without batching)"},
    Explanation{
        codes::kBadReplicate, "this endpoint cannot be replicated",
        R"(`replicate` names endpoints whose requests go to every replica of each shard. With shards the documents
must be split by their ids first, and requests of several writers cannot be put into one batch.

Wrong:  shards = 2, replicate = ["/index"]
Right:  shards = 2, replicate = ["/index"], polling = { "/index" = "HASH" })"},
    Explanation{
        codes::kProgramNotFound, "the program of an executor was not found",
        R"(`uses` without a "/" is looked up as a built-in executor, in the folders of FLOW_EXECUTOR_PATH, beside
the flow file and in PATH. With a "/" it is a path from the flow file. The message lists where was looked.

Wrong:  uses = "hash-encoder"
Right:  uses = "hashing-encoder"
Right:  uses = "./build/my-encoder")"},
    Explanation{codes::kNotExecutable, "the program of an executor cannot be run",
                R"(The file exists but is a folder, or is not marked as executable.

Wrong:  -rw-r--r-- my-encoder
Right:  chmod +x my-encoder)"},
    Explanation{
        codes::kUnsupported, "this version cannot do this yet",
        R"(The key is part of the language and was checked, but this version of the engine does not run it. It is
refused so that no flow behaves differently from what its file says.

Wrong:  threads = 4
Right:  threads = 1, or a newer version)"},
    Explanation{
        codes::kHangingLeaf, "warning: nobody gets an executor's results",
        R"(The last executor answers. Another one that nobody needs still runs for every request, but its results
are dropped and nobody waits for it.

Suspicious:  b and c need a, c is last: b hangs
Usual:       an executor with needs = "*" at the end)"},
    Explanation{
        codes::kReplicatedIndex, "warning: replicas of an index that are not written alike",
        R"(Every replica of an index keeps documents of its own. A request to write reaches one replica, a
request to search perhaps another, unless `replicate` names the endpoints that write: then all replicas
get them.

Suspicious:  uses = "vector-index" with replicas = 2
Usual:       replicas = 2, replicate = ["/index", "/update", "/delete"])"},
    Explanation{
        codes::kSearchAny, "warning: a search asks one shard only",
        R"(Shards hold different documents. /search asks all of them unless `polling` says otherwise, and here it
does: each search then sees the documents of one shard, in turn.

Suspicious:  shards = 2, polling = { "/search" = "ANY" }
Usual:       shards = 2)"},
    Explanation{
        codes::kAfterOneShard, "warning: uses_after behind a single shard",
        R"(`uses_after` joins what the shards of an executor found. It runs behind a single shard as well, but
there it gets a single result.

Suspicious:  uses_after = "match-merger" without shards
Usual:       shards = 2, uses_after = "match-merger")"},
    Explanation{
        codes::kAllOneShard, "warning: ALL on an executor without shards",
        R"(ALL and ALL_ASYNC send a request to every shard. There is one only; replicas are equal copies, and one
of them gets the request.

Suspicious:  replicas = 3, polling = "ALL"
Usual:       shards = 3, polling = "ALL")"},
    Explanation{
        codes::kPartialOneShard, "warning: allow_partial on an executor without shards",
        R"(`allow_partial` answers with the shards there are when others are missing. Here there is one only: if
it is missing there is nothing to answer with.

Suspicious:  allow_partial = true without shards
Usual:       shards = 3, allow_partial = true)"},
    Explanation{
        codes::kUnreachable, "warning: no document can reach an executor",
        R"(The filters on the way to this executor exclude one another, or the conditions of its own filter do, so
that it only ever runs without documents. (Unless an executor on the way changes them.)

Suspicious:  a: when = { "tags__n" = { "$lt" = 1 } }
             b, behind a: when = { "tags__n" = { "$gt" = 5 } }
Usual:       two branches, each with a filter of its own)"},
    Explanation{
        codes::kTargetsNobody, "warning: the target of a test matches no executor",
        R"(A target is a regular expression that an executor's name must match from its start. None does, so every
executor is passed over, and the request comes back as it was.

Suspicious:  target = "ndex" where the executor is called index
Usual:       target = "index")"},
    Explanation{
        codes::kIgnoredOnExternal, "warning: a key that has no effect on an external executor",
        R"(Nothing of an external executor is started here: its program, what that is handed, its environment
and its workspace are those it was started with.

Suspicious:  external = true, uses = "hashing-encoder"
Usual:       external = true, and uses where it runs)"},
    Explanation{
        codes::kHashOneShard, "warning: HASH on an executor without shards",
        R"(HASH divides the documents of a request over the shards by their ids. There is one only, which gets
them all.

Suspicious:  polling = { "/index" = "HASH" } without shards
Usual:       shards = 4, polling = { "/index" = "HASH" })"},
    Explanation{
        codes::kHashInPart, "warning: some writes go by HASH, others to any shard",
        R"(With HASH the shard that holds a document is known by its id. A write that is polled ANY goes to the
shard whose turn it is: an update or delete misses the shard that holds the document, and a document
that is indexed lands where no update finds it.

Suspicious:  polling = { "/index" = "HASH" } of an index
Usual:       polling = { "/index" = "HASH", "/update" = "HASH", "/delete" = "HASH" })"},
};

}  // namespace

std::span<const Explanation> graph_explanations() {
  return kFlowEntries;
}

}  // namespace flow::graph
