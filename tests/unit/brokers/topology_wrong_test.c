/* Topologies that are wrong: each has one error, of one line, that says where, what and what to write. */
#include "brokers/topology.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A case is a right topology with one thing replaced, or a whole text when there is nothing to replace. */
typedef struct {
    const char *from;
    const char *to;
    const char *error;
} case_t;

static const char s_right[] = "job:\n"
                              "  name: t\n"
                              "  model: lenet\n"
                              "  data: {kind: idx, dir: /data}\n"
                              "  epochs: 2\n"
                              "  optimizer: {name: momentum, lr: 0.1, momentum: 0.5}\n"
                              "  sync: {strategy: asgd-ga, every: 8}\n"
                              "checkpoint:\n"
                              "  durability: disk\n"
                              "regions:\n"
                              "  - name: a\n"
                              "    data_share: 2\n"
                              "    offers:\n"
                              "      - {name: big, cores: 4}\n"
                              "      - {name: small}\n"
                              "  - name: b\n"
                              "    data_share: 1\n"
                              "    shards: 1\n"
                              "    broker: {bind: \"tcp://127.0.0.1:*\"}\n"
                              "links:\n"
                              "  - between: [a, b]\n"
                              "    rtt: 30ms\n";

static const case_t s_cases[] = {
    {"  epochs: 2", "  epocs: 2", "t.yaml:5:3: job.epocs: unknown key; write epochs"},
    {"  epochs: 2", "  eopchs: 2", "t.yaml:5:3: job.eopchs: unknown key; write epochs"},
    {"checkpoint:", "chekpoint:", "t.yaml:8:1: chekpoint: unknown key; write checkpoint"},
    {"  epochs: 2", "  entirely_else: 2",
     "t.yaml:5:3: job.entirely_else: unknown key; write one of name, model, data, epochs, batch, seed, init, "
     "optimizer, sync"},
    {"  epochs: 2", "  epochs: 2\n  epochs: 3",
     "t.yaml:6:3: job.epochs: is here a second time, after line 5; write it once"},
    {"  epochs: 2", "  \"a\\nb\": 2",
     "t.yaml:5:3: job.a?b: unknown key; write one of name, model, data, epochs, batch, seed, init, "
     "optimizer, "
     "sync"},
    {"  epochs: 2",
     "  "
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: "
     "2",
     "t.yaml:5:3: job.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: unknown key; write one of name, model, "
     "data, epochs, batch, seed, init, optimizer, sync"},
    {"cores: 4", "power: 0",
     "t.yaml:14:28: regions[0].offers[0].power: \"0\" is too small; write a number above 0 up to 1000000"},
    {"cores: 4", "power: -1",
     "t.yaml:14:28: regions[0].offers[0].power: \"-1\" is not a number; write a number above 0 up to "
     "1000000"},
    {"cores: 4", "price_per_s: -1",
     "t.yaml:14:34: regions[0].offers[0].price_per_s: \"-1\" is not a number; write a number from 0 to "
     "1000000000"},
    {"cores: 4", "count: 0",
     "t.yaml:14:28: regions[0].offers[0].count: \"0\" is too small; write a whole number from 1 to 1000000"},
    {"cores: 4", "core: 4", "t.yaml:14:21: regions[0].offers[0].core: unknown key; write cores"},
    {"rtt: 30ms", "ttr: 30ms", "t.yaml:22:5: links[0].ttr: unknown key; write rtt"},
    {"every: 8", "evry: 8", "t.yaml:7:29: job.sync.evry: unknown key; write every"},
    {"  epochs: 2", "  epochs: 2x",
     "t.yaml:5:11: job.epochs: \"2x\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 1.5",
     "t.yaml:5:11: job.epochs: \"1.5\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 0",
     "t.yaml:5:11: job.epochs: \"0\" is too small; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: -1",
     "t.yaml:5:11: job.epochs: \"-1\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: +1",
     "t.yaml:5:11: job.epochs: \"+1\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 1000001",
     "t.yaml:5:11: job.epochs: \"1000001\" is too large; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 99999999999999999999",
     "t.yaml:5:11: job.epochs: \"99999999999999999999\" is out of range; write a whole number from 1 to "
     "1000000"},
    {"  epochs: 2", "  epochs: \"2\"",
     "t.yaml:5:11: job.epochs: \"2\" in quotes is text; write a whole number from 1 to 1000000"},
    {"  epochs: 2",
     "  epochs:", "t.yaml:5:10: job.epochs: has no value; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: ~",
     "t.yaml:5:11: job.epochs: has no value; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: [2]",
     "t.yaml:5:3: job.epochs: is a list; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: {a: 2}",
     "t.yaml:5:3: job.epochs: has keys of its own; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 1 2",
     "t.yaml:5:11: job.epochs: \"1 2\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 0x10",
     "t.yaml:5:11: job.epochs: \"0x10\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  epochs: 1_000",
     "t.yaml:5:11: job.epochs: \"1_000\" is not a whole number; write a whole number from 1 to 1000000"},
    {"  epochs: 2", "  seed: 18446744073709551616",
     "t.yaml:5:9: job.seed: \"18446744073709551616\" is out of range; write a whole number from 0 to "
     "18446744073709551615"},
    {"rtt: 30ms", "rtt: 30",
     "t.yaml:22:10: links[0].rtt: \"30\" is not a duration with its unit; write a duration from 0 to 60s, "
     "such as 30ms or 10s"},
    {"rtt: 30ms", "rtt: 30  ms",
     "t.yaml:22:10: links[0].rtt: \"30  ms\" is not a duration with its unit; write a duration from 0 to "
     "60s, "
     "such as 30ms or 10s"},
    {"rtt: 30ms", "rtt: 30msx",
     "t.yaml:22:10: links[0].rtt: \"30msx\" is not a duration with its unit; write a duration from 0 to 60s, "
     "such as 30ms or 10s"},
    {"rtt: 30ms", "rtt: 61s",
     "t.yaml:22:10: links[0].rtt: \"61s\" is too large; write a duration from 0 to 60s, such as 30ms or 10s"},
    {"rtt: 30ms", "rtt: -1ms",
     "t.yaml:22:10: links[0].rtt: \"-1ms\" is not a duration with its unit; write a duration from 0 to 60s, "
     "such as 30ms or 10s"},
    {"rtt: 30ms", "rtt: 0.1us",
     "t.yaml:22:10: links[0].rtt: \"0.1us\" is out of range; write a duration from 0 to 60s, such as 30ms or "
     "10s"},
    {"rtt: 30ms", "rate: fast",
     "t.yaml:22:11: links[0].rate: \"fast\" is not a rate with its unit; write a rate from 0 to 1000GB, such "
     "as 100Mbit or 20MB"},
    {"rtt: 30ms", "rate: 100Mbit/h",
     "t.yaml:22:11: links[0].rate: \"100Mbit/h\" is not a rate with its unit; write a rate from 0 to 1000GB, "
     "such as 100Mbit or 20MB"},
    {"rtt: 30ms", "rate: 2000GB",
     "t.yaml:22:11: links[0].rate: \"2000GB\" is too large; write a rate from 0 to 1000GB, such as 100Mbit "
     "or 20MB"},
    {"rtt: 30ms", "loss: 1",
     "t.yaml:22:11: links[0].loss: \"1\" is too large; write a ratio from 0 to below 1, such as 0.05 or 5%"},
    {"rtt: 30ms", "loss: 100%",
     "t.yaml:22:11: links[0].loss: \"100%\" is too large; write a ratio from 0 to below 1, such as 0.05 or "
     "5%"},
    {"rtt: 30ms", "loss: -5%",
     "t.yaml:22:11: links[0].loss: \"-5%\" is not a ratio; write a ratio from 0 to below 1, such as 0.05 or "
     "5%"},
    {"rtt: 30ms", "loss: lots",
     "t.yaml:22:11: links[0].loss: \"lots\" is not a ratio; write a ratio from 0 to below 1, such as 0.05 or "
     "5%"},
    {"rtt: 30ms", "emulate: yes",
     "t.yaml:22:14: links[0].emulate: \"yes\" is neither true nor false; write true or false"},
    {"rtt: 30ms", "emulate: \"true\"",
     "t.yaml:22:14: links[0].emulate: \"true\" in quotes is text; write true or false"},
    {"rtt: 30ms", "connections: 65",
     "t.yaml:22:18: links[0].connections: \"65\" is too large; write a whole number from 1 to 64, or auto"},
    {"every: 8", "every: often",
     "t.yaml:7:36: job.sync.every: \"often\" is not a whole number; write a whole number from 1 to 1000000, "
     "or auto"},
    {"every: 8", "every: 0",
     "t.yaml:7:36: job.sync.every: \"0\" is too small; write a whole number from 1 to 1000000, or auto"},
    {"asgd-ga, every: 8", "diloco, every: auto",
     "t.yaml:7:35: job.sync.every: auto is for regions that do not wait for each other; write a number, or "
     "strategy: asgd-ga, ama or diloco-async"},
    {"asgd-ga, every: 8", "asgd, every: auto",
     "t.yaml:7:33: job.sync.every: strategy asgd exchanges at every step; write 1, or leave it out"},
    {"every: 8", "every: auto, every_least: 9, every_most: 8",
     "t.yaml:7:55: job.sync.every_least: is more than every_most, which is 8; write less here, or more "
     "there"},
    {"every: 8", "overlap: -1",
     "t.yaml:7:38: job.sync.overlap: \"-1\" is not a whole number; write a whole number from 0 to 1000000"},
    {"every: 8", "every: 8, overlap: 2",
     "t.yaml:7:48: job.sync.overlap: only rounds of diloco are overlapped with steps; write strategy: "
     "diloco, "
     "or leave it out"},
    {"asgd-ga, every: 8", "sma, every: 8, overlap: 2",
     "t.yaml:7:44: job.sync.overlap: only rounds of diloco are overlapped with steps; write strategy: "
     "diloco, "
     "or leave it out"},
    {"asgd-ga, every: 8", "diloco, every: 8, overlap: 8",
     "t.yaml:7:47: job.sync.overlap: a round is to be over before the next one begins, after 8 steps; write "
     "less here, or more at every"},
    {"every: 8", "outer_momentum: 1",
     "t.yaml:7:45: job.sync.outer_momentum: \"1\" is too large; write a number from 0 to below 1"},
    {"every: 8", "threshold: 0",
     "t.yaml:7:40: job.sync.threshold: \"0\" is too small; write a ratio above 0 up to 1, such as 0.05 or "
     "5%"},
    {"every: 8", "threshold: 101%",
     "t.yaml:7:40: job.sync.threshold: \"101%\" is too large; write a ratio above 0 up to 1, such as 0.05 or "
     "5%"},
    {"every: 8", "threshold: nan",
     "t.yaml:7:40: job.sync.threshold: \"nan\" is not a ratio; write a ratio above 0 up to 1, such as 0.05 "
     "or "
     "5%"},
    {"asgd-ga, every: 8", "asp, encoding: topk",
     "t.yaml:7:35: job.sync.encoding: asp itself chooses which values it sends, and this says how each is "
     "written; "
     "write none, fp16, bf16, int8 or int4, or strategy: asgd-ga"},
    {"every: 8", "compensate: -1",
     "t.yaml:7:41: job.sync.compensate: \"-1\" is not a number; write a number from 0 to 1000"},
    {"every: 8", "compensate: much",
     "t.yaml:7:41: job.sync.compensate: \"much\" is not a number; write a number from 0 to 1000"},
    {"asgd-ga, every: 8", "ama, compensate: 0.04",
     "t.yaml:7:37: job.sync.compensate: corrects gradients that come late, which this strategy does not "
     "send; "
     "write strategy: asgd-ga or asgd, or leave it out"},
    {"asgd-ga, every: 8", "ssgd, compensate: 0.04",
     "t.yaml:7:38: job.sync.compensate: corrects gradients that come late, which this strategy does not "
     "send; "
     "write strategy: asgd-ga or asgd, or leave it out"},
    {"every: 8", "window: 64",
     "t.yaml:7:37: job.sync.window: \"64\" is not a size with its unit; write a size from 1KiB to 1024GiB, "
     "such as 64MiB"},
    {"every: 8", "window: 1B",
     "t.yaml:7:37: job.sync.window: \"1B\" is too small; write a size from 1KiB to 1024GiB, such as 64MiB"},
    {"every: 8", "quorum: 0",
     "t.yaml:7:37: job.sync.quorum: \"0\" is too small; write a ratio above 0 up to 1, such as 0.05 or 5%"},
    {"every: 8", "quorum: 1.5",
     "t.yaml:7:37: job.sync.quorum: \"1.5\" is too large; write a ratio above 0 up to 1, such as 0.05 or 5%"},
    {"every: 8", "encoding: int2",
     "t.yaml:7:39: job.sync.encoding: \"int2\" is not known here; write none, fp16, bf16, int8, int4 or "
     "topk"},
    {"every: 8", "topk_ratio: 0",
     "t.yaml:7:41: job.sync.topk_ratio: \"0\" is too small; write a ratio above 0 up to 1, such as 0.05 or "
     "5%"},
    {"every: 8", "topk_values: bf16",
     "t.yaml:7:42: job.sync.topk_values: \"bf16\" is not known here; write fp16, int8 or int4"},
    {"asgd-ga, every: 8", "ama, encoding: topk",
     "t.yaml:7:35: job.sync.encoding: topk sends some of the values alone, which is no model to average; "
     "write "
     "fp16, bf16 or int8, or strategy: asgd-ga or diloco"},
    {"asgd-ga, every: 8", "sma, encoding: topk",
     "t.yaml:7:35: job.sync.encoding: topk sends some of the values alone, which is no model to average; "
     "write "
     "fp16, bf16 or int8, or strategy: asgd-ga or diloco"},
    {"every: 8", "away_after: 1ms",
     "t.yaml:7:41: job.sync.away_after: \"1ms\" is too small; write a duration from 100ms to 24h, such as "
     "30ms or 10s"},
    {"every: 8", "inside: ssp",
     "t.yaml:7:37: job.sync.inside: \"ssp\" is not known here; write async, sync or ssp:S with S from 1 to "
     "1000000"},
    {"every: 8", "inside: \"ssp: 0\"",
     "t.yaml:7:37: job.sync.inside: \"ssp: 0\" is not known here; write async, sync or ssp:S with S from 1 "
     "to 1000000"},
    {"every: 8", "inside: {ssp: 0}",
     "t.yaml:7:29: job.sync.inside: \"ssp: 0\" is not known here; write async, sync or ssp:S with S from 1 "
     "to 1000000"},
    {"every: 8", "inside: {sps: 4}",
     "t.yaml:7:29: job.sync.inside: has keys of its own; write async, sync or ssp:S with S from 1 to "
     "1000000"},
    {"every: 8", "inside: {ssp: 4, x: 1}",
     "t.yaml:7:29: job.sync.inside: has keys of its own; write async, sync or ssp:S with S from 1 to "
     "1000000"},
    {"every: 8", "inside: [sync]",
     "t.yaml:7:29: job.sync.inside: is a list; write async, sync or ssp:S with S from 1 to 1000000"},
    {"every: 8", "inside: ssp:4x",
     "t.yaml:7:37: job.sync.inside: \"ssp:4x\" is not known here; write async, sync or ssp:S with S from 1 "
     "to 1000000"},
    {"asgd-ga", "agsd",
     "t.yaml:7:20: job.sync.strategy: \"agsd\" is not known here; write asgd, asgd-ga, ama, slowmo, sma, "
     "ssgd, "
     "diloco, "
     "diloco-async or asp"},
    {"disk", "replicas",
     "t.yaml:9:15: checkpoint.durability: \"replicas\" is not known here; write process, disk or replica"},
    {"disk", "replica",
     "t.yaml:9:15: checkpoint.durability: replica needs copies on other nodes; write checkpoint.replicas: 1 "
     "or "
     "more too"},
    {"durability: disk", "replicas: 9",
     "t.yaml:9:13: checkpoint.replicas: \"9\" is too large; write a whole number from 0 to 8"},
    {"strategy: asgd-ga, every: 8}\ncheckpoint:\n",
     "strategy: sma, every: 8, quorum: 0.5}\ncheckpoint:\n  when_full: go_on\n",
     "t.yaml:9:14: checkpoint.when_full: rounds that need not every region vote on what is durable, and go "
     "on "
     "without one whose disk is full; write wait, or job.sync.quorum: 1"},
    {"durability: disk", "when_full: stop",
     "t.yaml:9:14: checkpoint.when_full: \"stop\" is not known here; write wait or go_on"},
    {"durability: disk", "elsewhere: true",
     "t.yaml:9:14: checkpoint.elsewhere: says where one of the copies lies, and there is none; write "
     "checkpoint.replicas: 1 or more too"},
    {"durability: disk", "wan_share: 0",
     "t.yaml:9:14: checkpoint.wan_share: \"0\" is too small; write a ratio above 0 up to 1, such as 0.05 or "
     "5%"},
    {"durability: disk", "move_after: 1ms",
     "t.yaml:9:15: checkpoint.move_after: \"1ms\" is too small; write a duration from 100ms to 24h, such as "
     "30ms or 10s"},
    {"lr: 0.1", "lr: 0",
     "t.yaml:6:35: job.optimizer.lr: \"0\" is too small; write a number above 0 up to 1000"},
    {"lr: 0.1", "lr: nan",
     "t.yaml:6:35: job.optimizer.lr: \"nan\" is not a number; write a number above 0 up to 1000"},
    {"lr: 0.1", "lr: 1e999",
     "t.yaml:6:35: job.optimizer.lr: \"1e999\" is out of range; write a number above 0 up to 1000"},
    {"lr: 0.1", "lr: 0.1.1",
     "t.yaml:6:35: job.optimizer.lr: \"0.1.1\" is not a number; write a number above 0 up to 1000"},
    {"momentum: 0.5", "momentum: 1",
     "t.yaml:6:50: job.optimizer.momentum: \"1\" is too large; write a number from 0 to below 1"},
    {"momentum: 0.5", "momentum: -0.5",
     "t.yaml:6:50: job.optimizer.momentum: \"-0.5\" is not a number; write a number from 0 to below 1"},
    {"lr: 0.1", "clip_norm: -1",
     "t.yaml:6:42: job.optimizer.clip_norm: \"-1\" is not a number; write a number from 0 to 1000000000"},
    {"lr: 0.1", "clip_value: x",
     "t.yaml:6:43: job.optimizer.clip_value: \"x\" is not a number; write a number from 0 to 1000000000"},
    {"name: momentum", "name: lamb",
     "t.yaml:6:21: job.optimizer.name: \"lamb\" is not known here; write sgd, momentum, adam, adamw or "
     "adagrad"},
    {"lr: 0.1", "weight_decay: 1",
     "t.yaml:6:45: job.optimizer.weight_decay: \"1\" is too large; write a number from 0 to below 1"},
    {"lr: 0.1", "schedule: steps, milestones: [75, 50]",
     "t.yaml:6:48: job.optimizer.milestones: 50 does not follow 75; write them ascending, in percent of all "
     "samples"},
    {"lr: 0.1", "schedule: steps, milestones: [0, 50]",
     "t.yaml:6:48: job.optimizer.milestones: \"[0, 50]\" is not such a list; write a list of up to 8 whole "
     "numbers "
     "from 1 to 99, such as [50, 75]"},
    {"lr: 0.1", "factor: 1",
     "t.yaml:6:39: job.optimizer.factor: \"1\" is too large; write a ratio above 0 to below 1, such as 0.05 "
     "or 5%"},
    {"lr: 0.1", "nesterov: maybe",
     "t.yaml:6:41: job.optimizer.nesterov: \"maybe\" is neither true nor false; write true or false"},
    {"lr: 0.1", "schedule: exponential",
     "t.yaml:6:41: job.optimizer.schedule: \"exponential\" is not known here; write constant, linear, cosine "
     "or "
     "steps"},
    {"every: 8", "staleness: 0",
     "t.yaml:7:40: job.sync.staleness: \"0\" is too small; write a whole number from 1 to 1000000"},
    {"name: t", "name: a b",
     "t.yaml:2:9: job.name: \"a b\" is not a name; write 1 to 31 letters, digits, '-' and '_'"},
    {"name: t", "name: \"\"",
     "t.yaml:2:9: job.name: \"\" is not a name; write 1 to 31 letters, digits, '-' and '_'"},
    {"name: t", "name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
     "t.yaml:2:9: job.name: \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\" is not a name; write 1 to 31 letters, "
     "digits, '-' and '_'"},
    {"name: t", "name: \"a\\tb\\nc\"",
     "t.yaml:2:9: job.name: \"a?b?c\" is not a name; write 1 to 31 letters, digits, '-' and '_'"},
    {"name: t", "name: na\303\257ve",
     "t.yaml:2:9: job.name: \"na??ve\" is not a name; write 1 to 31 letters, digits, '-' and '_'"},
    {"name: t", "name: [t]", "t.yaml:2:3: job.name: is a list; write 1 to 31 letters, digits, '-' and '_'"},
    {"dir: /data", "dir: \"\"",
     "t.yaml:4:26: job.data.dir: \"\" is not a path; write a path of 1 to 255 characters"},
    {"dir: /data", "dir: \"a\\nb\"",
     "t.yaml:4:26: job.data.dir: \"a?b\" is not a path; write a path of 1 to 255 characters"},
    {"dir: /data",
     "dir: "
     "/dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
     "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
     "dddddddddddddddddddddddddddddddddddddddddddddddddd",
     "t.yaml:4:26: job.data.dir: \"/ddddddddddddddddddddddddddddddddddddddddd...\" is not a path; write a "
     "path of 1 to 255 characters"},
    {"tcp://127.0.0.1:*", "127.0.0.1:5",
     "t.yaml:19:20: regions[1].broker.bind: \"127.0.0.1:5\" is not an endpoint; write tcp://HOST:PORT"},
    {"tcp://127.0.0.1:*", "tcp://127.0.0.1",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://127.0.0.1\" is not an endpoint; write tcp://HOST:PORT"},
    {"tcp://127.0.0.1:*", "tcp://:5",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://:5\" is not an endpoint; write tcp://HOST:PORT"},
    {"tcp://127.0.0.1:*", "tcp://a:65536",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://a:65536\" is not an endpoint; write tcp://HOST:PORT"},
    {"tcp://127.0.0.1:*", "tcp://a:0",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://a:0\" is not an endpoint; write tcp://HOST:PORT"},
    {"tcp://127.0.0.1:*", "tcp://a b:1",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://a b:1\" is not an endpoint; write tcp://HOST:PORT"},
    {"  name: t\n", "", "t.yaml:1:1: job.name: missing; write 1 to 31 letters, digits, '-' and '_'"},
    {"  model: lenet\n", "",
     "t.yaml:1:1: job.model: missing; write softmax, mlp, mlp-large, lenet, resnet8, resnet20, resnet18, "
     "deepfm or "
     "ledger"},
    {"  data: {kind: idx, dir: /data}\n", "",
     "t.yaml:1:1: job.data: missing; write data: and its keys below it, indented"},
    {"name: big, ", "",
     "t.yaml:14:9: regions[0].offers[0].name: missing; write 1 to 31 letters, digits, '-' and '_'"},
    {"between: [a, b]\n    ", "",
     "t.yaml:21:5: links[0].between: missing; write two different regions, such as [north, south], or all"},
    {NULL, "regions: [{name: a, data_share: 1}]\n",
     "t.yaml:1:1: job: missing; write job: and its keys below it, indented"},
    {NULL, "job: {name: t, model: lenet, data: {dir: /d}}\n",
     "t.yaml:1:1: regions: missing; write a list, each element beginning with \"- \""},
    {NULL, "job: {name: t, model: lenet, data: {dir: /d}}\nregions: []\n",
     "t.yaml:2:1: regions: is empty; write at least one element"},
    {NULL, "job: {name: t, model: lenet, data: {dir: /d}}\nregions: {name: a}\n",
     "t.yaml:2:1: regions: has keys of its own; write a list, each element beginning with \"- \""},
    {NULL, "job: {name: t, model: lenet, data: {dir: /d}}\nregions: [a]\n",
     "t.yaml:2:11: regions[0]: no keys here; write KEY: VALUE, beginning with name"},
    {NULL, "job: {name: t, model: lenet, data: {dir: /d}}\nregions:\n",
     "t.yaml:2:9: regions: has no value; write a list, each element beginning with \"- \""},
    {NULL, "job: 3\n", "t.yaml:1:6: job: no keys here; write KEY: VALUE, beginning with name"},
    {NULL, "job:\n", "t.yaml:1:5: job: no keys here; write KEY: VALUE, beginning with name"},
    {NULL, "- job\n", "t.yaml:1:1: no keys here; write KEY: VALUE, beginning with job"},
    {NULL, "hello\n", "t.yaml:1:1: no keys here; write KEY: VALUE, beginning with job"},
    {NULL, "# nothing\n", "t.yaml:1:1: yaml: nothing is in it; write at least job: and regions:"},
    {NULL, "job: {name: t\n",
     "t.yaml:1:6: yaml: a brace that is opened here is not closed, or a comma is missing; write KEY: VALUE, "
     "... and }"},
    {NULL, "job: [a\n  b: c\n",
     "t.yaml:1:6: yaml: a bracket that is opened here is not closed, or a comma is missing; write A, B, ... "
     "and ]"},
    {NULL, "job:\n\tname: t\n", "t.yaml:2:1: yaml: a tab where the line is indented; write spaces"},
    {NULL, "job: \"abc\n",
     "t.yaml:1:6: yaml: a quote that is opened here is never closed; write one at the end of the text too"},
    {NULL, "a: b: c\n",
     "t.yaml:1:5: yaml: a colon in a text, or a key that is indented too far; write the text in quotes, or "
     "fewer spaces"},
    {NULL, "job: &x {name: t}\nregions: *x\n",
     "t.yaml:1:6: yaml: anchors (&) and aliases (*) are not read; write the value out"},
    {NULL, "job: *x\n", "t.yaml:1:6: yaml: anchors (&) and aliases (*) are not read; write the value out"},
    {NULL, "job: &x [*x]\n",
     "t.yaml:1:6: yaml: anchors (&) and aliases (*) are not read; write the value out"},
    {NULL, "&x a: 1\n*x : 2\n",
     "t.yaml:1:1: yaml: anchors (&) and aliases (*) are not read; write the value out"},
    {NULL, "job: !!int 3\n", "t.yaml:1:6: yaml: tags (!) are not read; write the value alone"},
    {NULL, "job: !mine {a: 1}\n", "t.yaml:1:6: yaml: tags (!) are not read; write the value alone"},
    {NULL, "? [a, b]\n: c\n", "t.yaml:1:3: yaml: a key that is not plain text; write KEY: VALUE"},
    {NULL, "job: {}\n---\njob: {}\n", "t.yaml:2:1: yaml: a second document begins; write one per file"},
    {NULL, "job: {}\n...\n}\n", "t.yaml:3:1: yaml: did not find expected <document start>; write valid YAML"},
    {NULL, "<<: {a: 1}\n",
     "t.yaml:1:1: <<: unknown key; write one of job, checkpoint, plan, security, regions, links"},
    {NULL, "%YAML 9.9\n---\njob: 1\n",
     "t.yaml:1:1: yaml: found incompatible YAML document; write valid YAML"},
    {"  model: lenet", "  model: ledger",
     "t.yaml:4:16: job.data.kind: model ledger counts samples and reads no files; write counter"},
    {"kind: idx, dir: /data", "kind: counter, samples: 5",
     "t.yaml:4:16: job.data.kind: counter is for model ledger alone; write idx, or change job.model to "
     "ledger"},
    {"model: lenet\n  data: {kind: idx, dir: /data}\n  epochs: 2\n  optimizer: {name: momentum, lr: 0.1, "
     "momentum: 0.5}\n  sync: {strategy: asgd-ga, every: 8}",
     "model: ledger\n  data: {kind: counter, samples: 8}\n  sync: {compensate: 1}",
     "t.yaml:5:22: job.sync.compensate: with kind counter gradients are counts, which are added as they are; "
     "write 0, or leave it out"},
    {"model: lenet\n  data: {kind: idx, dir: /data}\n  epochs: 2\n  optimizer: {name: momentum, lr: 0.1, "
     "momentum: 0.5}",
     "model: ledger\n  data: {kind: counter, samples: 8}\n  optimizer: {clip_norm: 1}",
     "t.yaml:5:26: job.optimizer.clip_norm: with kind counter gradients are counts, which are added as they "
     "are; "
     "write 0, or leave it out"},
    {"model: lenet\n  data: {kind: idx, dir: /data}\n  epochs: 2\n  optimizer: {name: momentum, lr: 0.1, "
     "momentum: 0.5}",
     "model: ledger\n  data: {kind: counter, samples: 8}\n  optimizer: {clip_value: 1}",
     "t.yaml:5:27: job.optimizer.clip_value: with kind counter gradients are counts, which are added as they "
     "are; "
     "write 0, or leave it out"},
    {"model: lenet\n  data: {kind: idx, dir: /data}", "model: ledger\n  data: {kind: counter}",
     "t.yaml:4:3: job.data.samples: missing with kind counter; write samples: 1000 for instance"},
    {"model: lenet\n  data: {kind: idx, dir: /data}", "model: ledger\n  data: {kind: counter, samples: 0}",
     "t.yaml:4:34: job.data.samples: missing with kind counter; write samples: 1000 for instance"},
    {", dir: /data", "",
     "t.yaml:4:3: job.data.dir: missing with kind idx; write dir: /usr/share/datasets/fashion-mnist for "
     "instance"},
    {"dir: /data", "dir: /data, split: own",
     "t.yaml:11:5: regions[0].data.samples: missing with job.data.split: own; write what `cloudless data` "
     "counts "
     "in its files"},
    {"model: lenet\n  data: {kind: idx, dir: /data}",
     "model: ledger\n  data: {kind: counter, samples: 8, split: own}",
     "t.yaml:4:44: job.data.split: kind counter has no files that a region could own; write share or label"},
    {"dir: /data", "dir: /data, test: c",
     "t.yaml:4:39: job.data.test: no region has the name \"c\"; write all, or one of a, b"},
    {"dir: /data", "dir: /data, split: dirichlet, alpha: 0",
     "t.yaml:4:58: job.data.alpha: \"0\" is too small; write a number above 0 up to 1000000"},
    {"kind: idx", "kind: csv",
     "t.yaml:4:16: job.data.kind: \"csv\" is not known here; write idx, cifar10, cifar100, tensors, "
     "table or counter"},
    {"asgd-ga", "asgd",
     "t.yaml:7:33: job.sync.every: strategy asgd exchanges at every step; write 1, or leave it out"},
    {"asgd-ga", "ssgd",
     "t.yaml:7:33: job.sync.every: strategy ssgd exchanges at every step; write 1, or leave it out"},
    {"name: momentum", "name: adagrad",
     "t.yaml:6:49: job.optimizer.momentum: adagrad has none; write name: momentum, or leave it out"},
    {"name: momentum, lr: 0.1, momentum: 0.5", "name: adam, nesterov: true",
     "t.yaml:6:37: job.optimizer.nesterov: is for a momentum of sgd; write name: momentum, or leave it out"},
    {"momentum: 0.5", "momentum: 0, nesterov: true",
     "t.yaml:6:63: job.optimizer.nesterov: looks ahead along a momentum, and there is none; write momentum: "
     "0.9 "
     "too, or leave it out"},
    {"name: momentum, lr: 0.1, momentum: 0.5", "name: sgd, nesterov: true",
     "t.yaml:6:36: job.optimizer.nesterov: is for a momentum of sgd; write name: momentum, or leave it out"},
    {"name: b\n", "name: a\n",
     "t.yaml:16:11: regions[1].name: a is the name of regions[0] already; write another"},
    {"name: a\n", "name: b\n",
     "t.yaml:16:11: regions[1].name: b is the name of regions[0] already; write another"},
    {"between: [a, b]", "between: [b, c]",
     "t.yaml:21:18: links[0].between[1]: no region has the name \"c\"; write one of a, b"},
    {"tcp://127.0.0.1:*", "tcp://127.0.0.1:5x",
     "t.yaml:19:20: regions[1].broker.bind: \"tcp://127.0.0.1:5x\" is not an endpoint; write "
     "tcp://HOST:PORT"},
    {"  optimizer: {name: momentum, lr: 0.1, momentum: 0.5}",
     "  optimizer:", "t.yaml:6:13: job.optimizer: no keys here; write KEY: VALUE, beginning with name"},
    {"  optimizer: {name: momentum, lr: 0.1, momentum: 0.5}", "  optimizer: sgd",
     "t.yaml:6:14: job.optimizer: no keys here; write KEY: VALUE, beginning with name"},
    {"{name: small}", "{name: big}",
     "t.yaml:15:16: regions[0].offers[1].name: big is the name of offers[0] already; write another"},
    {"    shards: 1", "    shards: 2",
     "t.yaml:18:13: regions[1].shards: differs from a, which has 1; write the same number in all regions"},
    {"[a, b]", "[a, c]",
     "t.yaml:21:18: links[0].between[1]: no region has the name \"c\"; write one of a, b"},
    {"[a, b]", "[a, a]",
     "t.yaml:21:5: links[0].between: a is linked with itself; write two different regions"},
    {"[a, b]", "[a]",
     "t.yaml:21:5: links[0].between: is a list of 1; write two different regions, such as [north, south], or "
     "all"},
    {"[a, b]", "[a, b, a]",
     "t.yaml:21:5: links[0].between: is a list of 3; write two different regions, such as [north, south], or "
     "all"},
    {"[a, b]", "a",
     "t.yaml:21:14: links[0].between: is one value; write two different regions, such as [north, south], or "
     "all"},
    {"  - between: [a, b]", "  - between: all\n  - between: all",
     "t.yaml:22:14: links[1].between: all is written in links[0] already; write one such row"},
    {"[a, b]", "[a, [b]]",
     "t.yaml:21:18: links[0].between: is a list; write two different regions, such as [north, south], or "
     "all"},
    {"rtt: 30ms", "rtt: 30ms\n  - between: [b, a]",
     "t.yaml:23:5: links[1].between: b and a are linked by links[0] already; write each pair once"},
    {"links:\n  - between: [a, b]\n    rtt: 30ms\n", "",
     "t.yaml:1:1: links: none joins a and b, and no third region is linked with both; write \"- between: [a, "
     "b]\" with its "
     "rate and rtt"},
    {"links:\n  - between: [a, b]\n    rtt: 30ms\n", "links: []\n",
     "t.yaml:20:1: links: none joins a and b, and no third region is linked with both; write \"- between: "
     "[a, b]\" with its "
     "rate and rtt"},
    {"links:\n  - between: [a, b]\n    rtt: 30ms\n", "links:\n",
     "t.yaml:20:7: links: has no value; write a list, each element beginning with \"- \""},
    {"links:", "  - {name: c, data_share: 1}\nlinks:",
     "t.yaml:21:1: links: none joins a and c, and no third region is linked with both; write \"- between: "
     "[a, c]\" with its "
     "rate and rtt"},
    {"127.0.0.1", "0.0.0.0",
     "t.yaml:19:20: regions[1].broker.bind: others can reach it there, and nothing is encrypted; write "
     "security: none to accept that, or bind: tcp://127.0.0.1:*"},
    {"tcp://127.0.0.1:*\"", "tcp://10.1.2.3:80\", advertise: \"tcp://x:1\"",
     "t.yaml:19:20: regions[1].broker.bind: others can reach it there, and nothing is encrypted; write "
     "security: none to accept that, or bind: tcp://127.0.0.1:*"},
    {"127.0.0.1", "127.evil.example.org",
     "t.yaml:19:20: regions[1].broker.bind: others can reach it there, and nothing is encrypted; write "
     "security: none to accept that, or bind: tcp://127.0.0.1:*"},
    {"tcp://127.0.0.1:*\"", "tcp://127.0.0.1:*\", advertise: \"tcp://x:*\"",
     "t.yaml:19:52: regions[1].broker.advertise: cannot be dialled; write tcp://HOST:PORT with both given"},
    {"tcp://127.0.0.1:*\"", "tcp://127.0.0.1:*\", advertise: \"tcp://0.0.0.0:5\"",
     "t.yaml:19:52: regions[1].broker.advertise: cannot be dialled; write tcp://HOST:PORT with both given"},
    {"checkpoint:\n", "security: tls\ncheckpoint:\n",
     "t.yaml:8:11: security: \"tls\" is not known here; write none"},
    {"checkpoint:\n", "security:\ncheckpoint:\n", "t.yaml:8:10: security: has no value; write none"},
    {NULL,
     "job:\n  name: t\n  model: lenet\n  data: {kind: idx, dir: /data}\n  epochs: 2\n  optimizer: {name: "
     "momentum, lr: 0.1, momentum: 0.5}\n  sync: {strategy: asgd-ga, every: 8}\nsecurity: "
     "none\ncheckpoint:\n  durability: disk\nregions:\n  - name: a\n    data_share: 2\n    offers:\n      - "
     "{name: big, cores: 4}\n      - {name: small}\n  - name: b\n    data_share: 1\n    shards: 1\n    "
     "broker: {bind: \"tcp://*:*\"}\nlinks:\n  - between: [a, b]\n    rtt: 30ms\n",
     "t.yaml:20:20: regions[1].broker.bind: is every address of the machine, so others cannot tell which to "
     "dial; write advertise: tcp://HOST:PORT too"},
};

/* The right topology with the first `from` replaced; the caller frees it. */
static char *s_text_of(const case_t *wrong)
{
    char *text = NULL;
    if (!wrong->from) {
        text = strdup(wrong->to);
        cr_assert_not_null(text);
        return text;
    }
    const char *at = strstr(s_right, wrong->from);
    cr_assert(at, "the right topology has no %s", wrong->from);
    cr_assert_geq(
        asprintf(&text, "%.*s%s%s", (int)(at - s_right), s_right, wrong->to, at + strlen(wrong->from)), 0);
    return text;
}

static void s_check_one_line(const char *error)
{
    for (const char *at = error; *at; at++)
        cr_assert((unsigned char)*at >= ' ' && *at != 127, "a control character in: %s", error);
    cr_assert(strstr(error, "; write ") || strstr(error, "valid YAML"), "no remedy in: %s", error);
}

static void s_check_text(const char *text, size_t size, const char *expected)
{
    topology_t *topology = NULL;
    err_t err = {0};
    err_code_t code = topology_parse("t.yaml", text, size, NULL, 0, &topology, &err);
    cr_expect_eq(code, ERR_CONFIG, "for %s", expected);
    cr_expect_str_eq(err.text, expected, "\n  got      %s\n  expected %s", err.text, expected);
    s_check_one_line(err.text);
    cr_assert_null(topology);
}

Test(wrong, the_right_topology_is_right)
{
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t.yaml", s_right, strlen(s_right), NULL, 0, &topology, &err), ERR_OK, "%s",
                 err.text);
    topology_destroy(&topology);
}

Test(wrong, every_mistake_is_told_where_and_how_to_mend)
{
    for (size_t i = 0; i < sizeof s_cases / sizeof *s_cases; i++) {
        char *text = s_text_of(&s_cases[i]);
        s_check_text(text, strlen(text), s_cases[i].error);
        free(text);
    }
}

static const struct {
    const char *set;
    const char *error;
} s_sets[] = {
    {"job.epocs=3", "--set job.epocs=3: unknown key; write epochs"},
    {"job.epochs=0", "--set job.epochs=0: \"0\" is too small; write a whole number from 1 to 1000000"},
    {"job.epochs=", "--set job.epochs=: has no value; write a whole number from 1 to 1000000"},
    {"job.epochs=x\ny",
     "--set job.epochs=x?y: \"x?y\" is not a whole number; write a whole number from 1 to 1000000"},
    {"job", "--set job: no KEY=VALUE; write for instance job.epochs=2"},
    {"=3", "--set =3: no KEY=VALUE; write for instance job.epochs=2"},
    {"job.sync.every=0",
     "--set job.sync.every=0: \"0\" is too small; write a whole number from 1 to 1000000, or auto"},
    {"regions[c].workers=2",
     "--set regions[c].workers=2: no element has the name in brackets; write its name, or its place from 0"},
    {"regions[2].workers=2",
     "--set regions[2].workers=2: regions[2].name: missing; write 1 to 31 letters, digits, '-' and '_'"},
    {"regions[3].workers=2",
     "--set regions[3].workers=2: the list has no such place; write one from 0, or the next after its last"},
    {"regions[0]workers=2",
     "--set regions[0]workers=2: the path is not understood; write it like job.epochs or regions[0].workers"},
    {"regions[0.workers=2",
     "--set regions[0.workers=2: the path is not understood; write it like job.epochs or regions[0].workers"},
    {"regions.workers=2",
     "--set regions.workers=2: a key below what has no keys; write KEY[0].KEY for an element of a list"},
    {"job[0]=2", "--set job[0]=2: brackets after what is no list; write KEY.KEY"},
    {"job.epochs.x=2",
     "--set job.epochs.x=2: a key below what has no keys; write KEY[0].KEY for an element of a list"},
    {"job..epochs=2",
     "--set job..epochs=2: the path is not understood; write it like job.epochs or regions[0].workers"},
    {".job.epochs=2",
     "--set .job.epochs=2: the path is not understood; write it like job.epochs or regions[0].workers"},
    {"job.epochs.=2",
     "--set job.epochs.=2: the path is not understood; write it like job.epochs or regions[0].workers"},
    {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1",
     "--set a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1: goes deeper than any key known here; write a shorter path"},
    {"links[0].between=[a",
     "--set links[0].between=[a: the value is not valid YAML; write for instance [north, south]"},
    {"links[0].between=[a, c]",
     "--set links[0].between=[a, c]: links[0].between[1]: no region has the name \"c\"; write one of a, b"},
    {"links[0].between=b",
     "--set links[0].between=b: is one value; write two different regions, such as [north, south], or all"},
    {"regions[b].name=a",
     "--set regions[b].name=a: regions[1].name: a is the name of regions[0] already; write another"},
    {"regions[b].name=global", "--set regions[b].name=global: regions[1].name: global stands for all regions "
                               "in names of actors; write another"},
    {"regions[b].name=A", "--set regions[b].name=A: regions[1].name: differs from a in small and large "
                          "letters alone; write another"},
    {"job.name=-t", "--set job.name=-t: \"-t\" begins with '-'; write 1 to 31 letters, digits, '-' and '_'"},
    {"job.init=abc",
     "--set job.init=abc: is no SHA-256; write the 64 digits that cloudless checkpoint import "
     "--model prints, or leave it out"},
    {"job.model=lennet",
     "--set job.model=lennet: \"lennet\" is not known here; write softmax, mlp, mlp-large, lenet, resnet8, "
     "resnet20, resnet18, deepfm or ledger"},
    {"regions[0]=5", "--set regions[0]=5: no keys here; write KEY: VALUE, beginning with name"},
    {"job.data={kind: counter, samples: 5}",
     "--set job.data={kind: counter, samples: 5}: job.data.kind: counter is for model ledger alone; write "
     "idx, or change job.model to ledger"},
    {"job.sync.strategy=ssgd",
     "t.yaml:7:36: job.sync.every: strategy ssgd exchanges at every step; write 1, or leave it out"},
    {"job.kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=1",
     "--set job.kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=1: a key is longer "
     "than any known here; write a shorter one"},
    {"regions[b].broker.bind=tcp://0.0.0.0:1",
     "--set regions[b].broker.bind=tcp://0.0.0.0:1: regions[1].broker.bind: others can reach it there, and "
     "nothing is encrypted; write security: none to accept that, or bind: tcp://127.0.0.1:*"},
    {"job.name="
     "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
     "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
     "--set "
     "job.name="
     "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
     "vvvvvvvv...: \"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv...\" is not a name; write 1 to 31 letters, "
     "digits, '-' and '_'"},
    {"security=tls", "--set security=tls: \"tls\" is not known here; write none"},
    {"links=[]", "--set links=[]: none joins a and b, and no third region is linked with both; write \"- "
                 "between: [a, b]\" with its "
                 "rate and rtt"},
    {"job=[1]", "--set job=[1]: no keys here; write KEY: VALUE, beginning with name"},
    {"job.epochs={a: *x}",
     "--set job.epochs={a: *x}: the value is not valid YAML; write for instance [north, south]"},
    {"regions[99999999999999999999].workers=1",
     "--set regions[99999999999999999999].workers=1: the list has no such place; write one from 0, or the "
     "next after its last"},
    {"job.name='unclosed",
     "--set job.name='unclosed: the value is not valid YAML; write for instance [north, south]"},
};

Test(wrong, a_wrong_set_is_told_by_its_own_text)
{
    for (size_t i = 0; i < sizeof s_sets / sizeof *s_sets; i++) {
        topology_t *topology = NULL;
        err_t err = {0};
        err_code_t code =
            topology_parse("t.yaml", s_right, strlen(s_right), &s_sets[i].set, 1, &topology, &err);
        cr_expect_eq(code, ERR_CONFIG, "for %s", s_sets[i].set);
        cr_expect_str_eq(err.text, s_sets[i].error, "\n  got      %s\n  expected %s", err.text,
                         s_sets[i].error);
        s_check_one_line(err.text);
        cr_assert_null(topology);
    }
}

/* Mistakes that would only show when the job is started, or make it do nothing. */
Test(wrong, what_cannot_run_is_told)
{
    static const struct {
        const char *sets[2];
        const char *error;
    } rows[] = {
        {{"regions[a].broker.bind=tcp://127.0.0.1:5591", "regions[b].broker.bind=tcp://127.0.0.1:5591"},
         "--set regions[b].broker.bind=tcp://127.0.0.1:5591: regions[1].broker.bind: a listens there "
         "already; write "
         "another port, or tcp://HOST:*"},
        {{"regions[a].broker.advertise=tcp://x:5", "regions[b].broker.advertise=tcp://x:5"},
         "--set regions[b].broker.advertise=tcp://x:5: regions[1].broker.advertise: a is dialled there "
         "already; write "
         "this broker's own address and port"},
        {{"plan.apply=true", "job.epochs=1"},
         "t.yaml:16:5: regions[1].offers: missing, and plan.apply rents nothing else; write \"- {name: "
         "small, count: 4}\" "
         "below it for instance, or plan.apply: false"},
        {{"links=[]", "regions=[{name: r23456789012345678901234567, data_share: 1, offers: [{name: "
                      "o23456789012345678901234567}]}]"},
         "--set regions=[{name: r23456789012345678901234567, data_share: 1, offers: [{name: "
         "o23456789012345678901234567}]}]: regions[0].offers[0].name: this name and the region's are 54 "
         "letters together, and units are named by both; write at most 52"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        topology_t *topology = NULL;
        err_t err = {0};
        cr_expect_eq(topology_parse("t.yaml", s_right, strlen(s_right), rows[i].sets, 2, &topology, &err),
                     ERR_CONFIG);
        cr_expect_str_eq(err.text, rows[i].error, "\n  got      %s\n  expected %s", err.text, rows[i].error);
        topology_destroy(&topology);
    }
}

/* -- limits -----------------------------------------------------------------------------------------------
 */

/* `count` times `piece`, after `head`. */
static char *s_repeat(const char *head, const char *piece, size_t count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs(head, out);
    for (size_t i = 0; i < count; i++)
        fputs(piece, out);
    fclose(out);
    return text;
}

Test(wrong, limits_are_told_not_hit)
{
    char *deep = s_repeat("job: ", "[", 17);
    char *closed = s_repeat(deep, "]", 17);
    s_check_text(closed, strlen(closed), "t.yaml:1:21: yaml: nested deeper than 16 levels; write it flatter");
    free(deep);
    free(closed);
    char *bottomless = s_repeat("", "[", 100000);
    s_check_text(bottomless, strlen(bottomless),
                 "t.yaml:1:17: yaml: nested deeper than 16 levels; write it flatter");
    free(bottomless);
    char *many = s_repeat("job:\n", "- a\n", 70000);
    s_check_text(many, strlen(many), "t.yaml:65535:3: yaml: more than 65536 values; write fewer");
    free(many);
    char *regions = s_repeat("job: {name: t, model: lenet, data: {dir: /d}}\nregions:\n",
                             "- {name: a, data_share: 1}\n", 129);
    s_check_text(regions, strlen(regions), "t.yaml:131:3: regions: has more than 128 elements; write fewer");
    free(regions);
    char *large = s_repeat("", "# a comment\n", 100000);
    s_check_text(large, strlen(large), "t.yaml:1:1: yaml: longer than 1048576 bytes; write less");
    free(large);
}

Test(wrong, bytes_that_are_no_text)
{
    s_check_text("job: \xff\xfe\n", 8, "t.yaml:1:6: yaml: a byte that is no UTF-8; write the file as UTF-8");
    s_check_text("a: b\nc: \"\\0\"\n", 13, "t.yaml:2:4: yaml: a zero byte inside a text; write it without");
    s_check_text("a: b\nc\0d: e\n", 12, "t.yaml:2:2: yaml: a control character; write without it");
    s_check_text("", 0, "t.yaml:1:1: yaml: nothing is in it; write at least job: and regions:");
}
