#!/usr/bin/perl
# The programs that shell scripts call, one "FILE PROGRAM" a line: what stands where a command stands, without the shell's own
# words, functions of any of the scripts, and what only stands in quotes. Of a document, its ```sh blocks.
#
#   programs.pl FILE...
use strict;
use warnings;

my %wrapper = map { $_ => 1 } qw(exec command sudo env timeout nice setsid nsenter unshare xargs nohup stdbuf time flock);
my %keyword = map { $_ => 1 } qw(if then else elif fi do done while until for in case esac function select { } ! [[ ]] [ coproc);
my %builtin = map { $_ => 1 } split ' ', `bash -c 'compgen -b; compgen -k' | tr '\\n' ' '`;

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    return $text unless $path =~ /\.md$/;
    return join "\n", $text =~ /^```sh\n(.*?)^```$/msg;
}

# Here-documents are text, unless they are scripts themselves.
sub without_documents {
    my ($text) = @_;
    $text =~ s{^([^\n]*)<<-?(['"]?)(\w+)\2([^\n]*)\n(.*?)^\t*\3$}{ my ($a, $b, $c) = ($1, $4, $5); "$a $b\n" . ($c =~ /^#!/ ? "$c\n" : '') }msge;
    return $text;
}

# Code alone: quoted text goes, commands inside it stay.
sub code_of {
    my ($text) = @_;
    my ($code, @in) = ('', 'code');
    while ($text ne '') {
        my $quoted = $in[-1] eq 'quoted';
        if ($text =~ s/^\\.//s) { $code .= 'Q' unless $quoted }
        elsif ($text =~ s/^\$\(\(.*?\)\)//s) { $code .= 'Q' }
        elsif ($text =~ s/^[\$<>]\(//) { push @in, 'code'; $code .= "\n" }
        elsif ($text =~ s/^\$\{//) { my $depth = 1; while ($depth && $text =~ s/^(.)//s) { $depth += $1 eq '{' ? 1 : $1 eq '}' ? -1 : 0 } $code .= 'Q' }
        elsif ($text =~ s/^"//) { if ($quoted) { pop @in } else { push @in, 'quoted' } $code .= 'Q' }
        elsif ($quoted) { $text =~ s/^.//s }
        elsif ($text =~ s/^'[^']*'//) { $code .= 'Q' }
        elsif ($code =~ /(^|\s)$/ && $text =~ s/^#[^\n]*//) { }
        elsif ($text =~ s/^\(//) { push @in, 'code'; $code .= "\n" }
        elsif ($text =~ s/^\)//) { pop @in if @in > 1; $code .= "\n" }
        else { $text =~ s/^(.)//s; $code .= $1 }
    }
    return $code;
}

sub commands_of {
    my ($code) = @_;
    my %found;
    for my $command (split /\n|;|\||&/, $code) {
        my @words = split ' ', $command;
        my $skip = 0;
        while (@words) {
            my $word = shift @words;
            next if $keyword{$word} && $word !~ /^(for|case|in|function|select)$/;
            last if $keyword{$word};
            next if $word =~ /^\w+\+?=/ || $word =~ /^[<>\d]/ || ($skip && $word =~ /^-|^[\d.]+s?$|^Q/);
            $found{$word} = 1 if $word =~ /^[a-z][a-z0-9_.+-]*$/;
            last unless $wrapper{$word};
            $skip = 1;
        }
    }
    return keys %found;
}

my (%code, %function);
for my $path (@ARGV) {
    my $text = without_documents(slurp($path));
    $function{$1} = 1 while $text =~ /^\s*(?:function\s+)?([\w-]+)\(\)/mg;
    $code{$path} = code_of($text);
}
for my $path (sort keys %code) {
    print "$path $_\n" for sort grep { !$function{$_} && !$builtin{$_} } commands_of($code{$path});
}
