/* The table itself: one row for each key that a topology may have. A new key needs its row, and a member in
 * topology.h. One with `digest` is `later` too. */
#include "brokers/topology_field.h"

#define WORDS_MOST 512 /* no more fit into their text */
#define JOB(member) offsetof(topology_t, job.member)
#define CHECKPOINT(member) offsetof(topology_t, checkpoint.member)
#define PLAN(member) offsetof(topology_t, plan.member)
#define REGION(member) offsetof(topology_region_t, member)
#define OFFER(member) offsetof(topology_offer_t, member)
#define LINK(member) offsetof(topology_link_t, member)

#define STRATEGY(ID, NAME, TEXT, ...) "|" TEXT
static const char s_strategies[] =
#include "brokers/strategies.def"
    ;
#undef STRATEGY

#define OPTIMIZER(ID, NAME, TEXT, ...) "|" TEXT
static const char s_optimizers[] =
#include "brokers/optimizers.def"
    ;
#undef OPTIMIZER

#define MODEL(FAMILY, TEXT, ...) "|" TEXT
static const char s_models[] =
#include "brokers/models.def"
    ;
#undef MODEL

_Static_assert(sizeof(strategy_name_t) == sizeof(unsigned) && sizeof(optimizer_name_t) == sizeof(unsigned) &&
                   sizeof(schedule_t) == sizeof(unsigned) && sizeof(durability_t) == sizeof(unsigned) &&
                   sizeof(inside_t) == sizeof(unsigned) && sizeof(security_t) == sizeof(unsigned) &&
                   sizeof(data_split_t) == sizeof(unsigned) && sizeof(objective_t) == sizeof(unsigned),
               "enums of the table are stored as unsigned int");

#define DATA_KIND(ID, NAME, TEXT, ...) "|" TEXT
static const char s_data_kinds[] =
#include "brokers/data_kinds.def"
    ;
#undef DATA_KIND

static const field_t s_fields[] = {
    {"job", FIELD_MAP, .required = true, .help = "what is trained"},
    {"job.name", FIELD_NAME, .offset = JOB(name), .required = true, .digest = true,
     .help = "name of this job; a state directory remembers it"},
    {"job.model", FIELD_MAP, .required = true, .bare = "name",
     .help = "what is trained: a name alone, or a name with options of the model"},
    {"job.model.name", FIELD_WORD, .offset = JOB(said.name), .values = s_models + 1, .required = true,
     .digest = true, .help = "which model; ledger counts samples, to check the system itself"},
    {"job.model.hidden", FIELD_WHOLES, .offset = JOB(said.hidden), .count_offset = JOB(said.hidden_count),
     .element_max = MODEL_HIDDEN_MAX, .min = "1", .max = "65536", .otherwise = "[]", .unit = "[512, 256]",
     .optional = true, .digest = true, .help = "mlp, deepfm: what comes out of each hidden layer"},
    {"job.model.embedding", FIELD_WHOLE, .offset = JOB(said.embedding), .values = "auto", .min = "1",
     .max = "1024", .otherwise = "auto", .optional = true, .digest = true, .unit = "values",
     .help = "deepfm: values of a category; auto: 16"},
    {"job.model.classes", FIELD_WHOLE, .offset = JOB(said.classes), .values = "auto", .min = "1",
     .max = "65536", .otherwise = "auto", .optional = true, .digest = true, .unit = "classes",
     .help = "classes that are told apart; auto: as many as the labels of the data"},
    {"job.model.input", FIELD_WHOLES, .offset = JOB(said.input), .element_max = MODEL_INPUT_RANK, .min = "1",
     .max = "4096", .otherwise = "[]", .unit = "[1, 28, 28]", .optional = true, .digest = true,
     .help = "channels, height and width of a sample; left out: as the data have them"},
    {"job.data", FIELD_MAP, .required = true, .help = "the training data"},
    {"job.data.kind", FIELD_WORD, .offset = JOB(data.kind), .values = s_data_kinds + 1, .otherwise = "idx",
     .digest = true,
     .help = "idx: files of the MNIST family; cifar10, cifar100: their binary files; tensors: "
             "train.safetensors and "
             "test.safetensors, with x and y; table: train.csv and test.csv, or .libsvm; counter: no files, "
             "sample i is the number i"},
    {"job.data.dir", FIELD_PATH, .offset = JOB(data.dir), .otherwise = "",
     .help = "folder of the files, plain or gzipped, on every node"},
    {"job.data.split", FIELD_ENUM, .offset = JOB(data.split), .values = "share|label|dirichlet|own",
     .otherwise = "share", .digest = true,
     .help =
         "who gets what of one copy: shuffled and cut by data_share, sorted by label and then cut, or with "
         "classes mixed unevenly; own: each region has files of its own (regions[].data)"},
    {"job.data.alpha", FIELD_NUMBER, .offset = JOB(data.alpha), .min = "0", .above = true, .max = "1000000",
     .otherwise = "0.5", .digest = true, .later = true,
     .help = "split dirichlet: how even classes are within a region; the less, the fewer it sees"},
    {"job.data.test", FIELD_NAME, .offset = JOB(data.test), .otherwise = TOPOLOGY_TEST_ALL, .digest = true,
     .later = true, .help = "the region that has samples to test with, or all"},
    {"job.data.augment", FIELD_MAP, .help = "training pictures, changed a little each time they are seen"},
    {"job.data.augment.shift", FIELD_WHOLE, .offset = JOB(data.augment.shift), .min = "0", .max = "64",
     .otherwise = "0", .digest = true, .later = true, .unit = "pixels",
     .help = "moved by up to so many, up or down and aside"},
    {"job.data.augment.flip", FIELD_BOOL, .offset = JOB(data.augment.flip), .otherwise = "false",
     .digest = true, .later = true, .help = "mirrored, every second time"},
    {"job.data.samples", FIELD_WHOLE, .offset = JOB(data.samples), .min = "0", .max = "4294967295",
     .otherwise = "0", .digest = true, .unit = "samples",
     .help = "training samples of all regions together; 0: all there are"},
    {"job.data.columns", FIELD_MAP,
     .help = "kind table: what the columns are; those that are not named are left out"},
    {"job.data.columns.label", FIELD_WORDS, .offset = JOB(data.columns.label), .element_max = 1,
     .later = true, .otherwise = "label", .digest = true, .unit = "label",
     .help = "the class: 0, 1, 2, ..., or -1 and 1"},
    {"job.data.columns.categorical", FIELD_WORDS, .offset = JOB(data.columns.categorical),
     .element_max = WORDS_MOST, .otherwise = "[]", .optional = true, .digest = true, .unit = "[user, movie]",
     .help = "names of something, whatever they are made of; rest: all columns that are not named here"},
    {"job.data.columns.numeric", FIELD_WORDS, .offset = JOB(data.columns.numeric), .element_max = WORDS_MOST,
     .otherwise = "[]", .optional = true, .digest = true, .unit = "[year]",
     .help = "numbers, which are standardized; rest: all columns that are not named here"},
    {"job.data.columns.hash", FIELD_WHOLE, .offset = JOB(data.columns.hash), .values = "none", .min = "1",
     .max = "16777215", .otherwise = "none", .optional = true, .digest = true, .unit = "rows",
     .help =
         "rows of an embedding for each categorical column, chosen by a hash of the cell: for regions whose "
         "files are their own; none: a row for each category of the training file"},
    {"job.data.classes", FIELD_WHOLE, .offset = JOB(data.seen.classes), .values = "auto", .min = "1",
     .max = "65536", .otherwise = "auto", .optional = true, .unit = "classes",
     .help = "classes that the data were seen to have; noted in the copy of this file that a run keeps"},
    {"job.data.input", FIELD_WHOLES, .offset = JOB(data.seen.input), .element_max = MODEL_INPUT_RANK,
     .min = "1", .max = "4096", .otherwise = "[]", .unit = "[1, 28, 28]", .optional = true,
     .help = "channels, height and width that samples were seen to have; noted likewise"},
    {"job.data.rows", FIELD_WHOLE, .offset = JOB(data.seen.rows), .values = "auto", .min = "1",
     .max = "16777216", .otherwise = "auto", .optional = true, .unit = "rows",
     .help = "categories that a table was seen to have, and one; noted likewise"},
    {"job.data.categorical", FIELD_WHOLE, .offset = JOB(data.seen.categorical), .values = "auto", .min = "1",
     .max = "4096", .otherwise = "auto", .optional = true, .unit = "columns",
     .help = "categorical columns that it was seen to have; noted likewise"},
    {"job.epochs", FIELD_WHOLE, .offset = JOB(epochs), .min = "1", .max = "1000000", .otherwise = "1",
     .digest = true, .carry = true, .unit = "epochs", .help = "passes over the data"},
    {"job.batch", FIELD_WHOLE, .offset = JOB(batch), .min = "1", .max = "1000000", .otherwise = "64",
     .digest = true, .unit = "samples",
     .help = "samples per worker and step; an average where regions wait for each other"},
    {"job.seed", FIELD_WHOLE, .offset = JOB(seed), .min = "0", .max = "18446744073709551615",
     .otherwise = "1", .digest = true,
     .help = "what the first parameters and the order of samples come from"},
    {"job.init", FIELD_PATH, .offset = JOB(init), .otherwise = "", .digest = true, .later = true,
     .help = "SHA-256 of the first parameters, which `checkpoint import --model` has put into the state "
             "directory; left out: they are drawn from job.seed"},
    {"job.optimizer", FIELD_MAP, .help = "how a gradient changes the parameters"},
    {"job.optimizer.name", FIELD_ENUM, .offset = JOB(optimizer.name), .values = s_optimizers + 1,
     .otherwise = "momentum", .digest = true, .help = "plain (sgd), or with running averages of gradients"},
    {"job.optimizer.lr", FIELD_NUMBER, .offset = JOB(optimizer.lr), .min = "0", .above = true, .max = "1000",
     .otherwise = "0.01", .digest = true, .carry = true,
     .help = "learning rate at the start; some optimizers have a default of their own"},
    {"job.optimizer.momentum", FIELD_NUMBER, .offset = JOB(optimizer.momentum), .min = "0", .max = "1",
     .below = true, .otherwise = "0.9", .digest = true, .carry = true,
     .help = "how much of the last update goes on"},
    {"job.optimizer.nesterov", FIELD_BOOL, .offset = JOB(optimizer.nesterov), .otherwise = "false",
     .digest = true, .later = true, .carry = true,
     .help = "the momentum looks one step ahead; of sgd and momentum"},
    {"job.optimizer.weight_decay", FIELD_NUMBER, .offset = JOB(optimizer.weight_decay), .min = "0",
     .max = "1", .below = true, .otherwise = "0", .digest = true, .later = true, .carry = true,
     .help =
         "how strongly weights, not biases and norms, are drawn to 0: as a part of the gradient, with adamw "
         "beside it"},
    {"job.optimizer.schedule", FIELD_ENUM, .offset = JOB(optimizer.schedule),
     .values = "constant|linear|cosine|steps", .otherwise = "linear", .digest = true, .carry = true,
     .help =
         "how the learning rate goes: linear and cosine fall to 0 at the last sample, steps by a factor at "
         "each milestone"},
    {"job.optimizer.milestones", FIELD_WHOLES, .offset = JOB(optimizer.milestones),
     .count_offset = JOB(optimizer.milestone_count), .element_max = TOPOLOGY_MILESTONES_MAX, .min = "1",
     .max = "99", .otherwise = "[]", .unit = "[50, 75]", .optional = true, .digest = true, .later = true,
     .carry = true,
     .help = "schedule steps: percent of all samples at which the learning rate falls; left out: 50 and 75"},
    {"job.optimizer.factor", FIELD_RATIO, .offset = JOB(optimizer.factor), .min = "0", .above = true,
     .max = "1", .below = true, .otherwise = "0.1", .digest = true, .later = true, .carry = true,
     .help = "schedule steps: what is left of the learning rate at each milestone"},
    {"job.optimizer.warmup", FIELD_RATIO, .offset = JOB(optimizer.warmup), .min = "0", .max = "0.5",
     .otherwise = "0", .digest = true, .carry = true,
     .help =
         "share of the run in which the learning rate rises from 0; steadies a start with late gradients"},
    {"job.optimizer.clip_norm", FIELD_NUMBER, .offset = JOB(optimizer.clip_norm), .min = "0",
     .max = "1000000000", .otherwise = "0", .digest = true, .later = true, .carry = true,
     .help = "a worker's gradient that is longer than this is shortened to it before it is pushed; 0: to 2 "
             "where several asynchronous workers share a momentum, else not at all"},
    {"job.optimizer.clip_value", FIELD_NUMBER, .offset = JOB(optimizer.clip_value), .min = "0",
     .max = "1000000000", .otherwise = "0", .digest = true, .later = true, .carry = true,
     .help = "values of a worker's gradient beyond this and its negative are cut off there; 0: not"},
    {"job.sync", FIELD_MAP, .help = "how regions exchange what they learned"},
    {"job.sync.strategy", FIELD_ENUM, .offset = JOB(sync.strategy), .values = s_strategies + 1,
     .otherwise = "asgd-ga", .digest = true,
     .help = "gradients each step, gradients summed, models averaged, outer steps with what models gained, "
             "significant changes; sma, ssgd and diloco wait for all regions"},
    {"job.sync.every", FIELD_WHOLE, .offset = JOB(sync.every), .values = "auto", .min = "1", .max = "1000000",
     .otherwise = "8", .digest = true, .unit = "steps",
     .help = "steps of a region between exchanges; always 1 with asgd and ssgd; auto: as soon as all other "
             "regions have the last one"},
    {"job.sync.every_least", FIELD_WHOLE, .offset = JOB(sync.every_least), .min = "1", .max = "1000000",
     .otherwise = "1", .digest = true, .unit = "steps",
     .help = "every: auto: steps between exchanges, at least"},
    {"job.sync.every_most", FIELD_WHOLE, .offset = JOB(sync.every_most), .min = "1", .max = "1000000",
     .otherwise = "256", .digest = true, .unit = "steps",
     .help = "every: auto: steps between exchanges, at most"},
    {"job.sync.overlap", FIELD_WHOLE, .offset = JOB(sync.overlap), .min = "0", .max = "1000000",
     .otherwise = "0", .digest = true, .unit = "steps",
     .help = "diloco: steps that are made while a round is under way, before what came of it is taken up; "
             "shards then exchange in turn"},
    {"job.sync.outer_lr", FIELD_NUMBER, .offset = JOB(sync.outer_lr), .min = "0", .above = true, .max = "10",
     .otherwise = "0.7", .digest = true,
     .help = "diloco: how far a round goes along the regions' mean difference"},
    {"job.sync.outer_momentum", FIELD_NUMBER, .offset = JOB(sync.outer_momentum), .min = "0", .max = "1",
     .below = true, .otherwise = "0.9", .digest = true,
     .help = "diloco: how much of the last rounds' differences goes on"},
    {"job.sync.threshold", FIELD_RATIO, .offset = JOB(sync.threshold), .min = "0", .above = true, .max = "1",
     .otherwise = "0.01", .digest = true,
     .help = "asp: a value is sent when its change since it was sent exceeds this part of it; falls with the "
             "root of the "
             "epochs (Gaia's: of the iterations)"},
    {"job.sync.compensate", FIELD_NUMBER, .offset = JOB(sync.compensate), .min = "0", .max = "1000",
     .otherwise = "0", .digest = true,
     .help =
         "asgd, asgd-ga: how strongly other regions' late gradients are corrected for the steps made here "
         "meanwhile; 0: not"},
    {"job.sync.encoding", FIELD_WORD, .offset = JOB(sync.encoding), .values = "none|fp16|bf16|int8|int4|topk",
     .otherwise = "none", .digest = true,
     .help = "how what crosses between regions is made smaller; what it leaves out is sent later"},
    {"job.sync.topk_ratio", FIELD_RATIO, .offset = JOB(sync.topk_ratio), .min = "0", .above = true,
     .max = "1", .otherwise = "0.01", .digest = true,
     .help = "encoding topk: share of the values that one delta carries"},
    {"job.sync.topk_values", FIELD_WORD, .offset = JOB(sync.topk_values), .values = "fp16|int8|int4",
     .otherwise = "fp16", .digest = true, .help = "encoding topk: how these values are written"},
    {"job.sync.inside", FIELD_INSIDE, .offset = JOB(sync.inside), .min = "1", .max = "1000000",
     .otherwise = "async", .digest = true,
     .help = "a region's workers: each on its own, in step, or at most S steps apart"},
    {"job.sync.staleness", FIELD_WHOLE, .offset = JOB(sync.staleness), .min = "1", .max = "1000000",
     .otherwise = "4", .digest = true, .unit = "rounds",
     .help = "rounds another region may lack before this one waits for it"},
    {"job.sync.window", FIELD_SIZE, .offset = JOB(sync.window_bytes), .min = "1KiB", .max = "1024GiB",
     .otherwise = "4MiB", .digest = true,
     .help =
         "bytes of deltas under way to each other region; more fills a long path, and makes deltas older"},
    {"job.sync.away_after", FIELD_DURATION, .offset = JOB(sync.away_after_us), .min = "100ms", .max = "24h",
     .otherwise = "60s", .digest = true,
     .help = "how long a region may be silent before it is no longer waited for and kept for"},
    {"job.sync.quorum", FIELD_RATIO, .offset = JOB(sync.quorum), .min = "0", .above = true, .max = "1",
     .otherwise = "1", .digest = true,
     .help = "share of the regions that a round of sma, ssgd or diloco needs"},
    {"job.sync.grace", FIELD_DURATION, .offset = JOB(sync.grace_us), .min = "0", .max = "24h",
     .otherwise = "10s", .digest = true,
     .help = "how long a round waits for the other regions once it has its quorum"},

    {"checkpoint", FIELD_MAP, .help = "snapshots, from which a run goes on after a stop"},
    {"checkpoint.every", FIELD_WHOLE, .offset = CHECKPOINT(every), .min = "1", .max = "1000000000",
     .otherwise = "32", .unit = "steps", .help = "steps between snapshots when nothing else asks for one"},
    {"checkpoint.keep", FIELD_WHOLE, .offset = CHECKPOINT(keep), .min = "1", .max = "1000", .otherwise = "3",
     .unit = "snapshots", .help = "snapshots kept of each shard"},
    {"checkpoint.durability", FIELD_ENUM, .offset = CHECKPOINT(durability), .values = "process|disk|replica",
     .otherwise = "disk",
     .help = "what a snapshot survives: the end of a process, a power cut too, or the loss of a node with "
             "its disk"},
    {"checkpoint.when_full", FIELD_ENUM, .offset = CHECKPOINT(when_full), .values = "wait|go_on",
     .otherwise = "wait",
     .help = "what a region among several does while its disk is full: wait for room, or train on though "
             "nothing of "
             "it survives a death"},
    {"checkpoint.replicas", FIELD_WHOLE, .offset = CHECKPOINT(replicas), .min = "0", .max = "8",
     .otherwise = "0", .unit = "copies", .help = "copies of each snapshot on other nodes, by their keepers"},
    {"checkpoint.elsewhere", FIELD_BOOL, .offset = CHECKPOINT(elsewhere), .otherwise = "false",
     .help = "one of the copies lies in another region"},
    {"checkpoint.wan_share", FIELD_RATIO, .offset = CHECKPOINT(wan_share), .min = "0", .above = true,
     .max = "1", .otherwise = "0.2",
     .help = "part of a link's rate that copies on their way to another region may take"},
    {"checkpoint.move_after", FIELD_DURATION, .offset = CHECKPOINT(move_after_us), .min = "100ms",
     .max = "24h", .otherwise = "30s",
     .help = "how long the shards of a silent node wait for it before they start elsewhere from a copy"},
    {"checkpoint.mark_every", FIELD_NUMBER, .offset = CHECKPOINT(mark_every), .min = "0", .max = "1000000000",
     .otherwise = "1", .unit = "epochs",
     .help = "epochs of the whole job between points at which all shards can be restored together; 0: none"},
    {"checkpoint.marks", FIELD_WHOLE, .offset = CHECKPOINT(marks), .min = "1", .max = "100", .otherwise = "2",
     .unit = "points", .help = "such points that are kept, beside the one that is being made"},

    {"plan", FIELD_MAP, .help = "what is rented of the regions' offers"},
    {"plan.objective", FIELD_ENUM, .offset = PLAN(objective),
     .values = "everything|match|fastest|cheapest|deadline|budget|until-done", .otherwise = "everything",
     .help = "all there is; no region faster than the slowest; least time; least cost, also within a time; "
             "least time within a cost; all there is, in each region until it is done"},
    {"plan.deadline", FIELD_DURATION, .offset = PLAN(deadline_us), .min = "0", .max = "8760h",
     .otherwise = "0", .help = "time that the run may take, with objective deadline"},
    {"plan.budget", FIELD_NUMBER, .offset = PLAN(budget), .min = "0", .max = "1000000000000",
     .otherwise = "0", .help = "cost that the run may have, with objective budget"},
    {"plan.samples_per_s", FIELD_NUMBER, .offset = PLAN(samples_per_s), .min = "0", .max = "1000000000000",
     .otherwise = "0", .help = "what one core of power 1 computes; 0: measured on the machine that plans"},
    {"plan.apply", FIELD_BOOL, .offset = PLAN(apply), .otherwise = "false",
     .help = "rent and return nodes by this plan, and by newer ones when they pay"},
    {"plan.emulate", FIELD_NUMBER, .offset = PLAN(emulate), .min = "0", .max = "1", .otherwise = "0",
     .unit = "cores",
     .help = "part of a core of this machine that stands for a core of power 1: workers wait after each step "
             "until it has taken as long, by plan.samples_per_s where it is known; 0: no waiting"},
    {"plan.rent", FIELD_PATH, .offset = PLAN(rent), .otherwise = "",
     .help = "command called as COMMAND start|stop REGION OFFER NAME to rent or return a node; none: nodes "
             "are processes on the scheduler's machine"},
    {"plan.rent_patience", FIELD_DURATION, .offset = PLAN(rent_patience_us), .min = "1s", .max = "24h",
     .otherwise = "60s", .help = "how long a rented node may take to come before it is rented anew"},

    {"security", FIELD_ENUM, .offset = offsetof(topology_t, security),
     .given_offset = offsetof(topology_t, security_given), .values = "none", .otherwise = "none",
     .help = "none: plain text, nobody proves who they are; must be written before a broker is reachable "
             "from outside"},

    {"regions", FIELD_LIST, .offset = offsetof(topology_t, regions), .required = true,
     .element_size = sizeof(topology_region_t), .element_max = TOPOLOGY_REGIONS_MAX,
     .count_offset = offsetof(topology_t, region_count),
     .help = "places with data, machines and one broker each"},
    {"regions[].name", FIELD_NAME, .offset = REGION(name), .required = true, .digest = true,
     .help = "name of the region, unique in this file"},
    {"regions[].data_share", FIELD_NUMBER, .offset = REGION(data_share), .min = "0", .above = true,
     .max = "1000000000000", .otherwise = "1", .digest = true,
     .help = "its part of the training data, on any scale: 2 and 1 are two thirds and one"},
    {"regions[].data", FIELD_MAP, .help = "job.data.split: own: the data that this region has, and no other"},
    {"regions[].data.dir", FIELD_PATH, .offset = REGION(data.dir), .otherwise = "",
     .help = "folder of its files, on its nodes alone; left out: job.data.dir"},
    {"regions[].data.samples", FIELD_WHOLE, .offset = REGION(data.samples), .min = "0", .max = "4294967295",
     .otherwise = "0", .digest = true, .later = true, .unit = "samples",
     .help = "training samples in its files, as `cloudless data` counts them"},
    {"regions[].workers", FIELD_WHOLE, .offset = REGION(workers), .values = "auto", .min = "1", .max = "4096",
     .otherwise = "1", .unit = "workers",
     .help = "workers that compute gradients; auto: one for each core of the nodes that are there"},
    {"regions[].shards", FIELD_WHOLE, .offset = REGION(shards), .min = "1", .max = "1024", .otherwise = "1",
     .digest = true, .unit = "shards",
     .help = "shards that hold the region's model, a part each; equal in all regions"},
    {"regions[].broker", FIELD_MAP, .help = "through which everything in and out of the region goes"},
    {"regions[].broker.bind", FIELD_ENDPOINT, .offset = REGION(bind), .otherwise = "tcp://127.0.0.1:*",
     .help = "where it listens; * as port: any free one"},
    {"regions[].broker.advertise", FIELD_ENDPOINT, .offset = REGION(advertise), .otherwise = "",
     .help = "what others dial where that differs from bind, behind an address translation for instance"},
    {"regions[].offers", FIELD_LIST, .offset = REGION(offers), .element_size = sizeof(topology_offer_t),
     .element_max = TOPOLOGY_OFFERS_MAX, .count_offset = REGION(offer_count),
     .help = "machines that can be rented"},
    {"regions[].offers[].name", FIELD_NAME, .offset = OFFER(name), .required = true,
     .help = "name of the kind of machine, unique in its region"},
    {"regions[].offers[].count", FIELD_WHOLE, .live = true, .offset = OFFER(count), .min = "1",
     .max = "1000000", .otherwise = "1", .unit = "units", .help = "units there are to rent"},
    {"regions[].offers[].cores", FIELD_WHOLE, .offset = OFFER(cores), .min = "1", .max = "65536",
     .otherwise = "1", .unit = "cores", .help = "cores of one unit"},
    {"regions[].offers[].power", FIELD_NUMBER, .offset = OFFER(power), .min = "0", .above = true,
     .max = "1000000", .otherwise = "1", .help = "speed of one core beside the others'"},
    {"regions[].offers[].price_per_s", FIELD_NUMBER, .live = true, .offset = OFFER(price_per_s), .min = "0",
     .max = "1000000000", .otherwise = "0", .help = "price of one unit per second, in any one currency"},

    {"links", FIELD_LIST, .offset = offsetof(topology_t, links), .element_size = sizeof(topology_link_t),
     .element_max = TOPOLOGY_LINKS_MAX, .count_offset = offsetof(topology_t, link_count),
     .help =
         "one for each pair of regions; two without one are reached over a third that is linked with both"},
    {"links[].between", FIELD_BETWEEN, .offset = LINK(between), .required = true,
     .help = "two regions; the broker of the first listens, that of the second dials; or all: every pair "
             "without a row "
             "of its own"},
    {"links[].rate", FIELD_RATE, .live = true, .offset = LINK(rate_bytes_per_s), .min = "0", .max = "1000GB",
     .otherwise = "0", .help = "how much goes through, each way; 0: not limited"},
    {"links[].rtt", FIELD_DURATION, .live = true, .offset = LINK(rtt_us), .min = "0", .max = "60s",
     .otherwise = "0", .help = "time of a round trip"},
    {"links[].jitter", FIELD_DURATION, .offset = LINK(jitter_us), .min = "0", .max = "60s", .otherwise = "0",
     .help = "how much the round trip varies"},
    {"links[].loss", FIELD_RATIO, .offset = LINK(loss), .min = "0", .max = "1", .below = true,
     .otherwise = "0", .help = "share of packets that are lost"},
    {"links[].price_per_gb", FIELD_NUMBER, .live = true, .offset = LINK(price_per_gb), .min = "0",
     .max = "1000000", .otherwise = "0", .help = "price of 10^9 bytes sent, in the currency of the offers"},
    {"links[].emulate", FIELD_BOOL, .offset = LINK(emulate), .otherwise = "false",
     .help = "make the link as slow as the figures above, to try a WAN on one machine"},
    {"links[].connections", FIELD_WHOLE, .offset = LINK(connections), .values = "auto", .min = "1",
     .max = "64", .otherwise = "auto", .unit = "connections",
     .help = "connections for data, beside the one for control; auto: more as long as more carry more"},
    {"links[].congestion", FIELD_WORD, .offset = LINK(congestion), .values = "bbr|system", .otherwise = "bbr",
     .help = "how TCP takes loss: bbr, which goes by rate and delay, where the kernel has it; or as the "
             "system does"},
};

size_t field_count(void)
{
    return sizeof s_fields / sizeof *s_fields;
}

const field_t *field_at(size_t index)
{
    return &s_fields[index];
}
