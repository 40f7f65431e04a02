# C source as figures need it: what is code, what is comment, which functions there are and whom they mention. It relies on the
# format that clang-format keeps here: a function's braces stand alone in the first column.
package Source;
use strict;
use warnings;
use File::Find;
use Exporter 'import';
our @EXPORT = qw(slurp files_under code_of comments_of read_sources circles);

sub slurp {
    my ($path) = @_;
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    return $text // '';
}

sub files_under {
    my ($root, @folders) = @_;
    my @found;
    find({ no_chdir => 1, wanted => sub { push @found, substr($_, 1 + length $root) if /\.[ch]$/ && -f } }, grep { -d } map { "$root/$_" } @folders);
    return sort @found;
}

my $comment = qr{/\*.*?\*/|//[^\n]*}s;
my $quoted = qr{"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'};

# The same lines without comments, and with empty strings.
sub code_of {
    my ($text) = @_;
    $text =~ s{($comment)|($quoted)}{ my ($c, $q) = ($1, $2); defined $q ? substr($q, 0, 1) x 2 : $c =~ tr/\n//cdr . ' ' }ge;
    return $text;
}

sub comments_of {
    my ($text) = @_;
    my @found;
    while ($text =~ /($comment)|$quoted/g) { push @found, $1 if defined $1 }
    return @found;
}

sub without_directives { return $_[0] =~ s/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*//mgr }

# {name, static, lines, body} of each function that is defined in it.
sub functions_of {
    my ($code) = @_;
    my @found;
    while ($code =~ /([^;{}]*)\n\{\n(.*?)^\}/msg) {
        my ($head, $body) = ($1, $2);
        my @names = grep { !/^(__attribute__|if|while|for|switch)$/ } $head =~ /(\w+)\s*\(/g;
        next unless @names && $head =~ /\)\s*(?:__attribute__.*)?$/s;
        my $lines = 2 + ($body =~ tr/\n//) + ($head =~ s/^\s+//r =~ tr/\n//) + 1;
        push @found, { name => $names[0], static => $head =~ /\bstatic\b/ ? 1 : 0, lines => $lines, body => $body };
    }
    return @found;
}

# path -> {text, code, plain (without directives), functions}
sub read_sources {
    my ($root, @paths) = @_;
    my %source;
    for my $path (@paths) {
        my $text = slurp("$root/$path");
        my $code = code_of($text);
        my $plain = without_directives($code);
        $source{$path} = { text => $text, code => $code, plain => $plain, functions => [functions_of($plain)] };
    }
    return \%source;
}

# Those of a graph {a => {b => 1}} that reach themselves over others, in groups; the greatest first (Tarjan 1972).
sub circles {
    my ($edges) = @_;
    my (%index, %low, %on, @stack, @found, $visit);
    my $count = 0;
    $visit = sub {
        my ($v) = @_;
        $index{$v} = $low{$v} = $count++;
        push @stack, $v;
        $on{$v} = 1;
        for my $w (sort keys %{ $edges->{$v} // {} }) {
            if (!exists $index{$w}) {
                $visit->($w);
                $low{$v} = $low{$w} if $low{$w} < $low{$v};
            } elsif ($on{$w} && $index{$w} < $low{$v}) {
                $low{$v} = $index{$w};
            }
        }
        return if $low{$v} != $index{$v};
        my @group;
        do { push @group, pop @stack; delete $on{ $group[-1] } } while $group[-1] ne $v;
        push @found, [sort @group] if @group > 1;
    };
    no warnings 'recursion';
    exists $index{$_} or $visit->($_) for sort keys %$edges;
    return sort { @$b <=> @$a || $a->[0] cmp $b->[0] } @found;
}

1;
