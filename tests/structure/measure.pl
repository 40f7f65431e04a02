#!/usr/bin/perl
# Figures of how the source is built, each beside what is wanted of it and what it may be at most (limits). A figure may only get
# better: worse than its limit is an error, better is said, so that the limit is lowered.
#
#   measure.pl [--root DIR]               the table
#   measure.pl --json                     the same for programs
#   measure.pl --check                    fails, and names the figures and their places, when one is worse than its limit
#   measure.pl --lower                    writes what is better than its limit into the limits
#   measure.pl --places FIGURE            where it comes from
use strict;
use warnings;
use File::Basename qw(dirname);
use Getopt::Long;
use lib dirname(__FILE__);
use Source;

binmode STDOUT, ':encoding(UTF-8)';

my $here = dirname(__FILE__);
my %option = (root => "$here/../..", limits => undef);
GetOptions(\%option, 'root=s', 'limits=s', 'json', 'check', 'lower', 'places=s') or exit 2;
my $root = $option{root};
$option{limits} //= "$root/tests/structure/limits";

my @layers = qw(codec store brokers actors deploy);
my $line_limit = 110; # ColumnLimit of .clang-format
my $operators_limit = 4;

my $product = read_sources($root, files_under($root, @layers));
my $tests = read_sources($root, files_under($root, 'tests'));
my %everything = (%$product, %$tests);
my @figures; # {name, value, places}

sub figure {
    my ($name, $value, @places) = @_;
    push @figures, { name => $name, value => $value, places => \@places };
}

# As many as there are places.
sub figure_of { my ($name, @places) = @_; figure($name, scalar @places, @places) }

sub folder_of { return dirname($_[0]) }
sub group_of { return $_[0] =~ m{^(actors/shard|actors/scheduler|tests)/} ? $1 : 'elsewhere' }
sub functions { my ($path) = @_; return @{ $product->{$path}{functions} } }

# ---- rooms: folder -> names from the bottom ----

my %rooms;
for my $line (split /\n/, slurp("$root/tests/structure/rooms")) {
    my ($folder, @names) = split ' ', $line =~ s/#.*//r =~ s/^~//r;
    $rooms{$folder} = \@names if defined $folder;
}

# The place of a path among the rooms of a folder: 0 is the lowest, and the folder itself above all.
sub height {
    my ($folder, $path) = @_;
    my $prefix = $folder eq '.' ? '' : "$folder/";
    my ($height, $length) = (scalar @{ $rooms{$folder} }, 0);
    for my $i (0 .. $#{ $rooms{$folder} }) {
        my $room = "$prefix$rooms{$folder}[$i]/";
        ($height, $length) = ($i, length $room) if index($path, $room) == 0 && length $room > $length;
    }
    return $height;
}

# ---- calls between files; a header is one with its source ----

my %home; # function that others may call -> path
for my $path (sort keys %$product) {
    for my $function (functions($path)) { $home{ $function->{name} } = $path unless $function->{static} && $path =~ /\.c$/ }
}

my %calls; # from -> to -> how often
for my $path (sort keys %$product) {
    my $from = $path =~ s/\.h$/.c/r;
    $from = $path unless $product->{$from};
    my %own = map { $_->{name} => 1 } functions($path);
    for my $function (functions($path)) {
        while ($function->{body} =~ /(?<![\w.])(?<!->)(\w+)\s*\(/g) {
            my $to = $own{$1} ? undef : $home{$1};
            next unless $to;
            my $source = $to =~ s/\.h$/.c/r;
            $to = $source if $product->{$source};
            $calls{$from}{$to}++ if $from ne $to;
        }
    }
}

# The calls that both stay within a part of the tree and are between what `name` makes of their ends.
sub calls_between {
    my ($within, $name) = @_;
    my %edges;
    for my $from (grep { $within->($_) } keys %calls) {
        for my $to (grep { $within->($_) } keys %{ $calls{$from} }) {
            my ($a, $b) = ($name->($from), $name->($to));
            $edges{$a}{$b} += $calls{$from}{$to} if $a ne $b;
        }
    }
    return \%edges;
}

sub measure_circles {
    my %folders = map { folder_of($_) => 1 } keys %$product;
    for my $folder (sort keys %folders) {
        my @circles = circles(calls_between(sub { folder_of($_[0]) eq $folder }, sub { $_[0] }));
        figure("circle.$folder", @circles ? scalar @{ $circles[0] } : 0, map { "in a circle: @$_" } @circles);
    }
    my @circles = circles(calls_between(sub { 1 }, \&folder_of));
    figure('circle_of_folders', scalar(map { @$_ } @circles), map { "in a circle: @$_" } @circles);
}

# How often an edge of the kind points to a room above.
sub upward {
    my ($kind, $word, $folder, $edges) = @_;
    my ($count, @places) = (0);
    for my $from (sort keys %$edges) {
        for my $to (sort keys %{ $edges->{$from} }) {
            next if height($folder, $to) <= height($folder, $from);
            $count += $edges->{$from}{$to};
            push @places, "$from $word $to" . ($edges->{$from}{$to} > 1 ? " $edges->{$from}{$to} times" : '');
        }
    }
    figure("$kind.$folder", $count, @places);
}

sub measure_upward {
    my %includes;
    for my $path (keys %$product) { $includes{$path}{$_} = 1 for $product->{$path}{text} =~ /^#include "([^"]+)"/mg }
    for my $folder (sort keys %rooms) {
        my $within = sub { $folder eq '.' || index($_[0], "$folder/") == 0 };
        upward('upward_calls', 'calls', $folder, calls_between($within, sub { $_[0] }));
        my %inside;
        for my $path (grep { $within->($_) } keys %includes) { $inside{$path} = { map { $_ => 1 } grep { $within->($_) } keys %{ $includes{$path} } } }
        upward('upward_includes', 'includes', $folder, \%inside);
    }
}

# ---- structs ----

# How many declarators stand between the braces of a struct; a struct or union within it counts as one.
sub member_count {
    my ($body) = @_;
    1 while $body =~ s/\b(?:struct|union|enum)\s*\w*\s*\{[^{}]*\}/int/g;
    my $count = 0;
    for my $member (split /;/, $body) {
        next unless $member =~ /\w/;
        1 while $member =~ s/\[[^\[\]]*\]|\([^()]*\)//g;
        $count += 1 + ($member =~ tr/,//);
    }
    return $count;
}

sub measure_members {
    my (%largest, %where);
    for my $path (sort keys %$product) {
        my $group = group_of($path);
        my $code = $product->{$path}{plain};
        while ($code =~ /\bstruct\b\s*(\w*)\s*(\{((?:[^{}]++|(?2))*)\})\s*(\w*)/g) {
            my ($name, $count) = ($1 || $4, member_count($3));
            if ($name =~ /_core(_t)?$/) { figure('members.' . $name =~ s/_t$//r, $count, "$path: struct $name") }
            elsif ($count > ($largest{$group} // 0)) { ($largest{$group}, $where{$group}) = ($count, "$path: struct $name") }
        }
    }
    figure("members.largest_other.$_", $largest{$_}, $where{$_}) for sort keys %largest;
}

# ---- a strategy's flags, and what is derived from them ----

my $member = qr/(?:->|\.)\w+(?:\[[^\]]*\])?/;

sub strategy_flags {
    my ($struct) = ($product->{'brokers/strategies.h'}{plain} // '') =~ /struct\s*\{([^{}]*)\}\s*strategy_t/;
    my @flags = ($struct // '') =~ /\b(\w+)\s*;/g;
    return grep { !/^(id|name|differs)$/ } @flags;
}

# What a strategy is asked by itself, wherever that is.
sub direct_reads { my ($flags) = @_; return qr/\bstrategy(?:_find\((?:[^()]|\([^()]*\))*\))?->(?:$flags)\b(?!\s*\()/ }

# Members that are set from flags in one folder, "waits" of self or "outer.on", and those that are set from these.
sub derived_members {
    my ($direct, @paths) = @_;
    my %derived;
    for my $pass (1 .. 3) {
        my $known = join '|', map { quotemeta =~ s/\\\./(?:->|\\.)/gr } sort keys %derived;
        my $reads = $known ? qr/$direct|(?:->|\.)(?:$known)\b/ : $direct;
        for my $path (@paths) {
            while ($product->{$path}{plain} =~ /\b(\w+)((?:->|\.)[\w.>-]+)\s*=(?!=)([^;{}]*);/g) {
                my ($base, $rest, $value) = ($1, $2, $3);
                1 while $value =~ s/\w\s*\([^()]*\)//; # what a function makes of it is its own
                next if $value !~ $reads || $value =~ /\?.*\bNULL\b/s; # or it is no answer, but room for something
                my @parts = ($base eq 'self' ? () : $base, grep { length } split /->|\./, $rest);
                $derived{ join '.', @parts > 1 ? @parts[-2, -1] : @parts } = 1;
            }
        }
    }
    return sort keys %derived;
}

sub measure_strategy {
    my $flags = join('|', strategy_flags()) or return;
    my $direct = direct_reads($flags);
    my @shard = grep { m{^actors/shard/} } sort keys %$product;
    my $names = join '|', map { quotemeta =~ s/\\\./(?:->|\\.)/gr } derived_members($direct, @shard);
    my ($count, $low, %files, @places) = (0, 0);
    for my $path (grep { !m{(^|/)strategy(/|\.[ch]$)} } sort keys %$product) {
        my $derived = $names && $path =~ m{^actors/shard/} ? qr/(?<=\w)(?:->|\.)(?:$names)\b(?!\s*=[^=])/ : qr/(?!)/;
        while ($product->{$path}{plain} =~ /$direct|$derived|\bSTRATEGY_[A-Z_]+\b/g) {
            my $found = $&;
            next if $found =~ /^STRATEGY_/ && $path =~ m{^brokers/topology(_table)?\.[ch]$};
            $files{$path}++;
            $count++;
            $low++ if $path =~ m{^actors/shard/(replica|stream|rounds)/};
            push @places, "$path: $found";
        }
    }
    figure('strategy.reads', $count, @places);
    figure('strategy.files', scalar keys %files, map { "$_ $files{$_}" } sort keys %files);
    figure('strategy.reads_in_low_rooms', $low);
}

# ---- roles: a file that names most of those that nodes host has a list of them, and is touched when one is added ----

sub hosted_roles {
    my $rows = -f "$root/codec/wire/roles.def" ? slurp("$root/codec/wire/roles.def") : '';
    my %text;
    while ($rows =~ /^ROLE\((\w+), "(\w+)", "[^"]*", \w+, (\w+)/mg) { $text{$1} = $2 if $3 ne 'NEVER' }
    return %text;
}

sub measure_roles {
    my %text = hosted_roles() or return;
    my (@lists, @compared);
    my %source = map { $_ => $product->{$_}{code} } grep { !m{^codec/base/} } keys %$product;
    $source{$_} = slurp("$root/$_") for grep { -f "$root/$_" } qw(codec/wire/roles.def codec/wire/schema.def);
    for my $path (sort keys %source) {
        my @named = grep { $source{$path} =~ /\bROLE_$_\b|\b$text{$_}_(?:role|actor_fill)\b|^(?:ROLE|SAYS)\([^)\n]*\b$_\b/m } keys %text;
        push @lists, "$path: names " . join(' ', sort @named) if @named >= 3;
        for my $role (sort keys %text) {
            next if $path =~ m{^actors/$text{$role}/};
            push @compared, "$path: $&" while $source{$path} =~ /(?:[!=]=\s*|case )ROLE_$role\b|[!=]=\s*&$text{$role}_role\b/g;
        }
    }
    figure_of('role.lists', @lists);
    figure_of('role.compared', @compared);
}

# ---- conditions: what if, while and for ask, and every other expression that has && or || ----

sub conditions_of {
    my ($body) = @_;
    my @found;
    while ($body =~ s/\b(if|while|for|switch)\s*(\((?:[^()]++|(?2))*\))/;/) {
        my ($word, $text) = ($1, $2);
        my @parts = $word eq 'for' ? split(/;/, $text) : ($text);
        push @found, $word eq 'for' ? $parts[1] // '' : $text if $word ne 'switch';
    }
    return @found, grep { /&&|\|\|/ } split /[;{}]/, $body;
}

sub measure_conditions {
    my (%count, %long, %places);
    for my $path (sort keys %$product) {
        my $group = group_of($path);
        for my $function (functions($path)) {
            for my $condition (conditions_of($function->{body})) {
                my $operators = () = $condition =~ /&&|\|\|/g;
                $count{$group}++;
                next if $operators < $operators_limit;
                $long{$group}++;
                push @{ $places{$group} }, "$path: $function->{name}: " . $condition =~ s/\s+/ /gr;
            }
        }
    }
    figure("conditions.$_", sprintf('%.2f', 100 * ($long{$_} // 0) / $count{$_}), @{ $places{$_} // [] }) for sort keys %count;
}

# ---- functions ----

sub measure_functions {
    my @lengths = sort { $a <=> $b } map { map { $_->{lines} } functions($_) } keys %$product;
    return unless @lengths;
    figure("function.lines_$_", $lengths[int(($_ / 100) * $#lengths + 0.5)]) for 50, 90, 99;
}

# Words that call or take a function: in bodies, in tables, in macros; a declaration is none.
sub words_used {
    my ($source) = @_;
    my %used;
    for my $path (keys %$source) {
        my $outside = $source->{$path}{code} =~ s/\n\{\n.*?^\}/\n{}/msgr;
        for my $function (@{ $source->{$path}{functions} }) { $used{$_} = 1 for $function->{body} =~ /(?<!\.)(?<!->)\b(\w+)\b/g }
        while ($outside =~ /\{((?:[^{}]++|(\{(?:[^{}]++|(?2))*\}))*)\}/g) { my $table = $1; $used{$_} = 1 for $table =~ /\b(\w+)\b(?!\s*\()/g }
        while ($outside =~ /^[ \t]*#[ \t]*define[ \t]+\w+((?:[^\n]*\\\n)*[^\n]*)/mg) { my $macro = $1; $used{$_} = 1 for $macro =~ /\b(\w+)\b/g }
    }
    return \%used;
}

sub measure_callers {
    my $used = words_used($product);
    my %tested = map { map { $_ => 1 } $tests->{$_}{code} =~ /\b(\w+)\b/g } keys %$tests;
    my @uncalled = grep { /^[a-z]/ && !/^s_/ && $_ ne 'main' && !$used->{$_} } sort keys %home;
    figure_of('function.nobody_calls', map { "$home{$_}: $_" } grep { !$tested{$_} } @uncalled);
    figure_of('function.only_tests_call', map { "$home{$_}: $_" } grep { $tested{$_} } @uncalled);
}

# ---- the wire: fields that are set and never read ----

# message->KIND.FIELD, and x->FIELD where x was declared as KIND_t_; not what stands left of = or is given to message_set_*.
sub note_reads {
    my ($fields, $code) = @_;
    my $setter = qr/message_set_\w+\s*\(\s*&?\s*[\w\->.\[\]]*?/;
    my $set = qr/(?:\[[^\]]*\])?\s*=(?!=)/;
    while ($code =~ /($setter)?(?:->|\.)(\w+)\.(\w+)\b($set)?/g) { $fields->{$2}{$3}++ if !$1 && !$4 && exists +($fields->{$2} // {})->{$3} }
    my %variables;
    $variables{$2}{$1} = 1 while $code =~ /\b(\w+)_t_\s+\*?\s*(\w+)/g;
    for my $variable (keys %variables) {
        while ($code =~ /($setter)?\b\Q$variable\E(?:->|\.)(\w+)\b($set)?/g) {
            my ($written, $field) = ($1 // $3, $2);
            for my $kind (keys %{ $variables{$variable} }) { $fields->{$kind}{$field}++ if !$written && exists +($fields->{$kind} // {})->{$field} }
        }
    }
}

# Columns of rows: MESSAGE_ROWS_t x, x->COLUMN or x[i].COLUMN, where x is declared in any file or is a function; rows.items[i].COLUMN.
sub note_columns {
    my ($columns) = @_;
    my %variables;
    my $set = qr/\s*=(?!=)/;
    for my $path (keys %$product) { $variables{$2}{$1} = 1 while $product->{$path}{code} =~ /\b(\w+)_t\s+\*?\s*(\w+)/g }
    for my $name (keys %variables) {
        my @rows = grep { $columns->{$_} } keys %{ $variables{$name} } or next;
        for my $path (keys %$product) {
            while ($product->{$path}{code} =~ /\b\Q$name\E(?:\[[^\]]*\]|\([^()]*\))?(?:->|\.)(\w+)\b($set)?/g) {
                my ($column, $written) = ($1, $2);
                for my $rows (@rows) { $columns->{$rows}{$column}++ if !$written && exists $columns->{$rows}{$column} }
            }
        }
    }
    for my $path (keys %$product) {
        while ($product->{$path}{code} =~ /(?:->|\.)(\w+)\.(\w+)\.items\[[^\]]*\]\.(\w+)\b($set)?/g) {
            $columns->{"$1_$2"}{$3}++ if !$4 && exists +($columns->{"$1_$2"} // {})->{$3};
        }
    }
}

sub measure_wire {
    return unless -f "$root/codec/wire/schema.def";
    my (%fields, %columns);
    my $schema = slurp("$root/codec/wire/schema.def");
    $fields{$1}{$2} = 0 while $schema =~ /^FIELD\((\w+), \d+, \w+, (\w+),/mg;
    $fields{$1}{$2} = 0 while $schema =~ /^ROWS\((\w+), \d+, (\w+),/mg;
    $columns{"$1_$2"}{$3} = 0 while $schema =~ /^(?:COLUMN|ADDED)\((\w+), (\w+), (?:\d+, )?\w+, (\w+),/mg;
    my $counters = -f "$root/codec/wire/counters.def" ? slurp("$root/codec/wire/counters.def") : '';
    $fields{$1}{$2}++ while $counters =~ /\b(shard_state|progress|region_report)\.(\w+)/g; # whoever walks the list reads them
    note_reads(\%fields, $product->{$_}{code}) for grep { !m{^codec/wire/} } keys %$product;
    note_columns(\%columns);
    my @unread;
    for my $of (\%fields, \%columns) {
        for my $kind (sort keys %$of) { push @unread, map { "$kind.$_" } grep { !$of->{$kind}{$_} } sort keys %{ $of->{$kind} } }
    }
    figure_of('wire.unread_fields', @unread);
}

# ---- lines and comments ----

sub measure_lines {
    my (@long, @broken);
    for my $path (sort keys %everything) {
        my $number = 0;
        for my $line (split /\n/, $everything{$path}{text}) {
            $number++;
            push @long, "$path:$number" if length $line > $line_limit;
            push @broken, "$path:$number" if $line =~ m{^\s*\*?\s*-{20,}\s*\*/$};
        }
    }
    figure_of('lines.too_long', @long);
    figure_of('lines.broken_rule', @broken);
}

sub measure_comments {
    my %places;
    for my $path (sort keys %everything) {
        my $group = group_of($path);
        $places{$group} //= [];
        for my $comment (comments_of($everything{$path}{text})) {
            push @{ $places{$group} }, "$path: " . substr($comment =~ s/\s+/ /gr, 0, 80) if $comment =~ m{^/[/*]+\s*(What|Who|That|Whether)\b};
        }
    }
    figure_of("comments.no_subject.$_", @{ $places{$_} }) for sort keys %places;
}

# ---- documents ----

# Sentences of the text: no code, tables, headings or pictures; an item of a list begins one.
sub sentences_of {
    my ($text) = @_;
    $text =~ s/^```.*?^```$//msg;
    $text =~ s/^(?:\s*\||#|    ).*$//mg;
    $text =~ s/^\s*(?:[-*]|\d+\.)\s+/\n/mg;
    $text =~ s/`[^`]*`/word/g;
    $text =~ s/\]\([^)]*\)/]/g;
    return grep { /\w/ } split /(?<=[.!?])\s+|\n\s*\n/, $text;
}

sub measure_documents {
    for my $name (grep { -f "$root/$_" } qw(README.md ARCHITECTURE.md)) {
        my @sentences = sentences_of(slurp("$root/$name"));
        my $words = 0;
        $words += () = /\S+/g for @sentences;
        figure("document.$name.bytes", -s "$root/$name");
        figure("document.$name.words_a_sentence", sprintf '%.1f', $words / (@sentences || 1));
    }
}

# ---- limits: "name limit wanted"; wanted -: as little as can be; a * in a name: any figure without a row of its own ----

my @limit_lines = -f $option{limits} ? split(/\n/, slurp($option{limits})) : ();
my (%limits, @patterns);
for my $line (@limit_lines) {
    my ($name, $limit, $wanted) = split ' ', $line =~ s/#.*//r;
    next unless defined $wanted;
    $limits{$name} = { limit => $limit, wanted => $wanted eq '-' ? undef : $wanted };
    push @patterns, [quotemeta($name) =~ s/\\\*/.*/r, $name] if $name =~ /\*/;
}

sub limit_of {
    my ($name) = @_;
    return $limits{$name} if $limits{$name};
    for my $pattern (@patterns) { return $limits{ $pattern->[1] } if $name =~ /^$pattern->[0]$/ }
    return {};
}

# ---- what is said ----

sub print_table {
    printf "%-44s %8s %8s %8s\n", 'figure', 'now', 'limit', 'wanted';
    for my $figure (@figures) {
        my $limit = limit_of($figure->{name});
        next if !$figure->{value} && !$limits{ $figure->{name} } && defined $limit->{limit}; # new, and nothing to say of it
        printf "%-44s %8s %8s %8s\n", $figure->{name}, $figure->{value}, $limit->{limit} // '-', $limit->{wanted} // '-';
    }
}

sub print_json {
    my @rows;
    for my $figure (@figures) {
        my $limit = limit_of($figure->{name});
        push @rows, sprintf '{"name":"%s","value":%s,"limit":%s,"wanted":%s}', $figure->{name}, $figure->{value}, $limit->{limit} // 'null', $limit->{wanted} // 'null';
    }
    print "{\"figures\":[\n", join(",\n", @rows), "\n]}\n";
}

sub places_of {
    my ($name) = @_;
    my ($figure) = grep { $_->{name} eq $name } @figures;
    die "measure.pl: there is no figure $name; see measure.pl without arguments\n" unless $figure;
    return @{ $figure->{places} };
}

# What a figure's limit may be lowered to: what it is, and not below what is wanted, so that there is room to work in.
sub may_be {
    my ($name, $value) = @_;
    my $wanted = limit_of($name)->{wanted};
    return defined $wanted && $wanted ne '-' && $wanted > $value ? $wanted : $value;
}

sub check {
    my ($worse, $better) = (0, 0);
    for my $figure (@figures) {
        my ($name, $value, $limit) = ($figure->{name}, $figure->{value}, limit_of($figure->{name})->{limit});
        if (!defined $limit) {
            print "WORSE   $name is $value, and has no limit: add one to tests/structure/limits\n";
            $worse++;
        } elsif ($value > $limit) {
            print "WORSE   $name is $value, at most $limit before; see tests/structure/measure.pl --places $name\n";
            my @places = @{ $figure->{places} };
            print "          $_\n" for @places > 40 ? (@places[0 .. 39], '...') : @places;
            $worse++;
        } elsif ($limits{$name} && may_be($name, $value) < $limit) {
            print "better  $name is $value, and may be up to $limit: tests/structure/measure.pl --lower writes that down\n";
            $better++;
        }
    }
    print scalar(@figures), " figures, $worse worse than their limit, $better better\n";
    return $worse ? 1 : 0;
}

sub lower {
    my %value = map { $_->{name} => $_->{value} } @figures;
    my @lines;
    for my $line (@limit_lines) {
        my ($name, $limit) = split ' ', $line =~ s/#.*//r;
        next unless defined $limit && $name !~ /\*/ && defined $value{$name} && may_be($name, $value{$name}) < $limit;
        my $lowered = may_be($name, $value{$name});
        $line =~ s/^(\S+)(\s+)(\S+)/$1 . sprintf('%*s', length "$2$3", $lowered)/e;
    } continue {
        push @lines, $line;
    }
    open my $out, '>:encoding(UTF-8)', $option{limits} or die "$option{limits}: $!\n";
    print $out map { "$_\n" } @lines;
    close $out or die "$option{limits}: $!\n";
}

measure_members();
measure_circles();
measure_upward();
measure_strategy();
measure_roles();
measure_conditions();
measure_functions();
measure_callers();
measure_wire();
measure_lines();
measure_comments();
measure_documents();

if (defined $option{places}) { print "$_\n" for places_of($option{places}) }
elsif ($option{json}) { print_json() }
elsif ($option{lower}) { lower() }
elsif ($option{check}) { exit check() }
else { print_table() }
