#!/usr/bin/perl
# measure.pl over a small tree that is written for it: each figure is known, and each way to make it worse is noticed.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $script = dirname(__FILE__) . '/measure.pl';

# A tree of files, and those that the script itself reads.
my %small = (
    'tests/structure/rooms' => ".  codec store brokers actors deploy\n~actors/shard  base rounds\n",
    'tests/structure/limits' => join('', map { "$_ 0 0\n" } qw(members.* circle.* circle_of_folders upward_* strategy.* role.* conditions.* wire.* lines.* comments.* document.*)) . "function.* 99 99\n",
    'codec/wire/schema.def' => "MESSAGE(push, 1, BULK, \"x\")\nFIELD(push, 1, u64, batch, \"x\")\nFIELD(push, 2, u64, idle, \"x\")\nEND(push)\n",
    'codec/wire/roles.def' => join('', map { "ROLE(\U$_\E, \"$_\", \"one\", NUMBERED, ONCE, .x = 1)\n" } qw(cook baker waiter)) . "ROLE(GUEST, \"guest\", \"one\", ALONE, NEVER)\n",
    'actors/kitchen.c' => "static const role_t *const s_rows[] = {&cook_role, &baker_role, &waiter_role};\n",
    'actors/cook/cook.c' => "static bool s_own(actor_role_t role)\n{\n    return role == ROLE_COOK;\n}\n",
    'deploy/hall.c' => "static bool s_foreign(actor_role_t role)\n{\n    return role == ROLE_COOK || guest(ROLE_GUEST, ROLE_BAKER);\n}\n",
    'brokers/strategies.h' => "typedef struct {\n    const char *name;\n    bool waits; /* for all */\n} strategy_t;\n",
    'actors/shard/base/base.c' => <<'END',
#include "actors/shard/rounds/rounds.h"
#include "actors/shard/top.h"
#include "actors/shard/base/base.h"
/* Whether it is. */
/* Returns whether it is: not "What". */
bool base_is(int a)
{
    return a || a > 1 || a > 2 || a > 3 || a > 4;
}

void base_up(void)
{
    rounds_go("base_is(");
}
END
    'actors/shard/rounds/rounds.c' => <<'END',
struct rounds_core {
    int a, b;
    int (*c)(int x, int y);
    struct {
        int inner, unseen;
    } d[3];
};

void rounds_set(rounds_t *self)
{
    self->waits = self->strategy->waits && 1;
    if (self->waits)
        base_is(1);
}

void rounds_go(message_t *message)
{
    message->push.idle = message->push.batch;
    table.base_up();
}

static void s_name(const char *x)
{
    rounds_set(x);
}
END
    'README.md' => "# A title of many words that do not count\n\nOne two three. Four five `six and six`!\n\n| not | these |\n",
);

sub figures_of {
    my (%files) = @_;
    my $root = tempdir(CLEANUP => 1);
    for my $path (keys %files) {
        make_path(dirname("$root/$path"));
        open my $out, '>', "$root/$path" or die "$path: $!";
        print $out $files{$path};
        close $out;
    }
    my %figure = `perl $script --root $root --json` =~ /"name":"([^"]*)","value":([\d.]+)/g;
    my $said = `perl $script --root $root --check`;
    return { figure => \%figure, said => $said, bad => $? != 0 };
}

my $all = figures_of(%small);
my %expected = (
    'members.rounds_core' => 4,
    'circle.actors/shard/base' => 0,
    'circle_of_folders' => 2,
    'upward_calls.actors/shard' => 1,
    'upward_includes.actors/shard' => 2,
    'strategy.reads' => 2,
    'strategy.files' => 1,
    'strategy.reads_in_low_rooms' => 2,
    'role.lists' => 2,
    'role.compared' => 1,
    'conditions.actors/shard' => '33.33',
    'function.lines_50' => 4,
    'function.lines_99' => 6,
    'function.nobody_calls' => 1,
    'wire.unread_fields' => 1,
    'lines.too_long' => 0,
    'lines.broken_rule' => 0,
    'comments.no_subject.actors/shard' => 1,
    'document.README.md.words_a_sentence' => '3.0',
);
is($all->{figure}{$_}, $expected{$_}, $_) for sort keys %expected;
ok($all->{bad}, 'figures that are worse than their limits fail');
like($all->{said}, qr/^WORSE   \Q$_\E is /m, "$_ is named") for grep { $expected{$_} > 0 && !/^function/ } sort keys %expected;
like($all->{said}, qr{actors/shard/base/base.c calls actors/shard/rounds/rounds.c}, 'and the place');

my %good = (%small, 'tests/structure/limits' => "* 99999 0\n");
ok(!figures_of(%good)->{bad}, 'the same passes below its limits');
like(figures_of(%good, 'tests/structure/limits' => "upward_calls.actors/shard 2 0\n* 99999 0\n")->{said}, qr/^better  upward_calls.actors\/shard is 1/m, 'what can be lowered is said');
unlike(figures_of(%good, 'tests/structure/limits' => "upward_calls.actors/shard 2 2\n* 99999 0\n")->{said}, qr/^better/m, 'and not below what is wanted');
ok(figures_of(%good, 'tests/structure/limits' => "upward_* 9 0\n")->{bad}, 'a figure without a limit fails');

my $wide = figures_of(%good, 'actors/a.c' => '/* ' . ('long ' x 30) . "*/\n/* ---- rule\n * " . ('-' x 40) . " */\n");
is($wide->{figure}{'lines.too_long'}, 1, 'a long line');
is($wide->{figure}{'lines.broken_rule'}, 1, 'a rule that was broken over two lines');

my $circle = figures_of(%good, 'store/a.c' => "void a_do(void)\n{\n    b_do();\n}\n", 'store/b.c' => "void b_do(void)\n{\n    c_do();\n}\n", 'store/c.c' => "void c_do(void)\n{\n    a_do();\n}\n");
is($circle->{figure}{'circle.store'}, 3, 'a circle of three files');
my $rows = figures_of(%good, 'codec/wire/schema.def' => "ROWS(state, 1, queue, \"x\")\nCOLUMN(state, queue, u64, first, \"x\")\nCOLUMN(state, queue, u64, last, \"x\")\nADDED(state, queue, 2, u64, kind, \"x\")\nROWS_END(state, queue)\n",
    'actors/a.c' => "void a_put(message_t *message, const state_queue_t *row)\n{\n    message->state.queue.items[0].last = row->first;\n    b_put(message->state.queue.items[1].kind);\n}\n");
is($rows->{figure}{'wire.unread_fields'}, 1, 'a column that is set and never read');
done_testing();
