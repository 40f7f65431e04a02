#!/usr/bin/perl
# The documents: which there are, whether they hold what `table` says of them, and which commands they have.
#
#   documents.pl check ROOT            every fault as a line "FILE:LINE: what; what to do"; status 1 when there is one
#   documents.pl commands ROOT ENTRY   the commands of a ctest entry, in their order
#
# Checked: sizes; the words of a sentence; relative links and their anchors; files and tests that are named; that each section
# with commands has an entry that runs them. `table` beside this file says how much, and what is exempt.
use strict;
use warnings;
use File::Find;
use FindBin;

my ($verb, $root, $wanted) = @ARGV;
die "usage: documents.pl check ROOT | commands ROOT ENTRY\n"
    unless defined $root && ($verb eq 'check' || ($verb eq 'commands' && defined $wanted));
chdir $root or die "$root: $!\n";

my $sources = qr{^(?:codec|store|brokers|actors|deploy|tests)/};
my $ending = qr{\.(?:c|h|pl|sh|def|md|svg|jsonl)$};
my (%limit, @generated, @entries, %files, $faults);
$faults = 0;

# ---- the table --------------------------------------------------------------------------------------------------
sub read_table {
    my $path = -f 'tests/documents/table' ? 'tests/documents/table' : "$FindBin::Bin/table";
    open my $in, '<', $path or die "$path: $!\n";
    while (my $row = <$in>) {
        next if $row =~ /^\s*(?:#|$)/;
        my ($kind, @cells) = map { s/^\s+|\s+$//gr } split /\|/, $row;
        if ($kind eq 'limit') { $limit{$cells[0]}{$cells[1]} = $cells[2] }
        elsif ($kind eq 'generated') { push @generated, $cells[0] }
        elsif ($kind eq 'run') { push @entries, {name => $cells[0], document => $cells[1], section => $cells[2]} }
        else { die "$path:$.: unknown row '$kind'; write limit, generated or run\n" }
    }
}

sub limit { my ($document, $what) = @_; return $limit{$document}{$what} // $limit{'*'}{$what} }

# ---- a document: its lines, each with what it is ----------------------------------------------------------------
# Rows {line, kind, text, section}; kinds: heading, code (with its language), table, prose (a paragraph or an item).
sub read_document {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    my ($section, $language, @parts) = ('');
    while (my $text = <$in>) {
        chomp $text;
        if ($text =~ /^```(\w*)/) { $language = defined $language ? undef : $1; next }
        if (defined $language) { push @parts, {line => $., kind => 'code', language => $language, text => $text, section => $section}; next }
        if ($text =~ /^(#+)\s+(.*)/) {
            $section = $2 if length $1 == 2;
            push @parts, {line => $., kind => 'heading', text => $2, section => $section};
        }
        elsif ($text =~ /^\|/) { push @parts, {line => $., kind => 'table', text => $text, section => $section} }
        elsif ($text =~ /^    / && !(@parts && $parts[-1]{kind} eq 'prose')) { push @parts, {line => $., kind => 'drawing', text => $text, section => $section} }
        elsif ($text =~ /^\s*$/) { push @parts, {line => $., kind => 'space', text => '', section => $section} }
        elsif ($text =~ /^\s*(?:[-*]|\d+\.)\s+(.*)/) { push @parts, {line => $., kind => 'prose', text => $1, section => $section} }
        elsif (@parts && $parts[-1]{kind} eq 'prose') { $parts[-1]{text} .= "\n" . $text =~ s/^\s+//r }
        else { push @parts, {line => $., kind => 'prose', text => $text, section => $section} }
    }
    return @parts;
}

sub fault {
    my ($path, $line, $text) = @_;
    $faults++;
    print "$path:$line: $text\n";
}

# ---- sizes and sentences ------------------------------------------------------------------------------------------
sub words {
    my ($text) = @_;
    $text =~ s/`[^`]*`/code/g;
    return grep { /[[:alnum:]]/ } split ' ', $text;
}

# An image is no sentence, a link is its text, a code span is one word.
sub sentences {
    my ($text) = @_;
    $text =~ s/!\[[^\]]*\]\([^)]*\)//g;
    $text =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
    $text =~ s/`[^`]*`/`code`/g;
    $text =~ s/\s+/ /g;
    return grep { words($_) } split /(?<=[.!?])[*_)"']*\s+(?=[*_("'`]*[[:upper:]`\d])/, $text;
}

sub check_sentences {
    my ($path, @parts) = @_;
    my ($most, $mean) = (limit($path, 'words'), limit($path, 'mean'));
    my ($count, $all) = (0, 0);
    for my $part (grep { $_->{kind} =~ /^(?:prose|table)$/ } @parts) {
        for my $text ($part->{kind} eq 'table' ? split(/\|/, $part->{text}) : $part->{text}) {
            for my $sentence (sentences($text)) {
                my $words = words($sentence);
                fault($path, $part->{line}, "$words words in a sentence, $most at most; divide it: " . substr $sentence, 0, 60) if $words > $most;
                next if $part->{kind} eq 'table';
                $count++;
                $all += $words;
            }
        }
    }
    fault($path, 1, sprintf '%.1f words a sentence, %s at most; shorten some', $all / $count, $mean) if $count && $all > $mean * $count;
}

sub check_size {
    my ($path) = @_;
    my ($size, $most) = (-s $path, limit($path, 'bytes'));
    fault($path, 1, "$size bytes, $most at most; move what fewer readers need to the document of its folder") if defined $most && $size > $most;
}

# ---- links, anchors, files ------------------------------------------------------------------------------------------
sub anchors {
    my ($path) = @_;
    my (%seen, %anchors);
    for my $part (grep { $_->{kind} eq 'heading' } read_document($path)) {
        my $anchor = lc $part->{text} =~ s/[`*]//gr;
        $anchor =~ s/[^\w\- ]//g;
        $anchor =~ s/ /-/g;
        $anchors{$seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor} = 1;
    }
    return \%anchors;
}

sub plain {
    my ($path) = @_;
    my @names;
    for my $name (split m{/}, $path) {
        next if $name eq '.' || $name eq '';
        if ($name eq '..') { pop @names } else { push @names, $name }
    }
    return join '/', @names;
}

sub check_links {
    my ($path, @parts) = @_;
    my $folder = $path =~ m{^(.*/)} ? $1 : '';
    for my $part (grep { $_->{kind} =~ /^(?:prose|table)$/ } @parts) {
        while ($part->{text} =~ /\]\(([^)\s]+)\)/g) {
            my ($target, $anchor) = split /#/, $1, 2;
            next if $target =~ /^\w+:/;
            my $file = $target eq '' ? $path : plain("$folder$target");
            if (!-e $file) { fault($path, $part->{line}, "no such file: $target; correct the link") }
            elsif (defined $anchor && !anchors($file)->{$anchor}) { fault($path, $part->{line}, "$file has no heading for #$anchor; correct the link") }
        }
    }
}

# A path from the root, or the end of a path below the document's folder; capitals and * stand for any text.
sub exists_as {
    my ($folder, $name) = @_;
    my $pattern = join '.*', map { quotemeta } split /\*|(?<![[:alnum:]])[A-Z]{2,}(?![[:alnum:]])/, $name, -1;
    return 1 if -e $name || -e "$folder$name" || grep { m{^(?:\Q$folder\E)?$pattern/?$} } keys %files;
    return $name !~ $sources && grep { m{^\Q$folder\E(?:.*/)?$pattern$} } keys %files;
}

# The names of ctest entries, as far as files tell them: live.NAME, fuzz.NAME, and whatever a CMakeLists.txt of tests writes out.
sub tests_there {
    my %names = map { ("live.documents_$_->{name}" => 1) } @entries;
    for my $path (keys %files) {
        $names{"$1.$2"} = 1 if $path =~ m{^tests/(live)/(\w+)_live\.sh$} || $path =~ m{^tests/(fuzz)/(\w+)\.c$};
        next unless $path =~ m{^tests/(?:.*/)?CMakeLists\.txt$} && open my $in, '<', $path;
        local $/;
        my $text = <$in>;
        $names{$_} = 1 for $text =~ /\b((?:sim|live|unit|golden)\.\w+(?:\.\w+)*)/g;
    }
    return keys %names;
}

# A test's name; capitals and * stand for any text.
sub check_test {
    my ($path, $line, $name) = @_;
    my $pattern = $name =~ s/[A-Z]{2,}|\*/.*/gr;
    fault($path, $line, "no such test: $name; correct the name") unless grep { /^$pattern$/ } tests_there();
}

sub check_names {
    my ($path, @parts) = @_;
    my $folder = $path =~ m{^(.*/)} ? $1 : '';
    for my $part (grep { $_->{kind} =~ /^(?:prose|table|drawing)$/ } @parts) {
        my @spans = $part->{kind} eq 'drawing' ? split(' ', $part->{text}) : $part->{text} =~ /`([^`]+)`/g;
        for my $name (map { (split ' ')[0] =~ s{^\./}{}r } grep { /\S/ } @spans) {
            check_test($path, $part->{line}, $name) if $name =~ /^(?:sim|live|fuzz|unit|golden)\.[\w.*]+$/ && $name !~ $ending;
            next unless $name =~ m{^[\w./*+-]+$} && ($name =~ $sources || $name =~ $ending);
            next if $name =~ m{^(?:build/|/|\.\w+$|\*?\.\w+$)};
            fault($path, $part->{line}, "no such file: $name; correct the name") unless exists_as($folder, $name);
        }
    }
}

# ---- commands -------------------------------------------------------------------------------------------------------
sub documents {
    find({no_chdir => 1, wanted => sub {
        $File::Find::prune = 1 if m{^\./(?:\.git|build)$};
        $files{s{^\./}{}r} = 1 if $_ ne '.';
    }}, '.');
    return sort grep { /\.md$/ } keys %files;
}

sub entry_of {
    my ($document, $section) = @_;
    my @rows = grep { $_->{document} eq $document } @entries;
    my ($own) = grep { $_->{section} eq $section } @rows;
    my ($rest) = grep { $_->{section} eq '*' } @rows;
    return $own // $rest;
}

sub check_commands {
    my ($path, @parts) = @_;
    my %told;
    for my $part (grep { $_->{kind} eq 'code' } @parts) {
        fault($path, $part->{line}, 'code without a language; write ```sh for commands, else ```text or ```yaml') if $part->{language} eq '' && !$told{''}++;
        next if $part->{language} ne 'sh' || entry_of($path, $part->{section}) || $told{$part->{section}}++;
        fault($path, $part->{line}, "nothing runs the commands of section '$part->{section}'; add a row to tests/documents/table");
    }
}

sub check_entries {
    for my $entry (@entries) {
        my @sections = -f $entry->{document} ? map { $_->{section} } grep { $_->{kind} eq 'code' && $_->{language} eq 'sh' } read_document($entry->{document}) : ();
        next if grep { $entry->{section} eq '*' || $_ eq $entry->{section} } @sections;
        fault('tests/documents/table', 1, "$entry->{document} has no section '$entry->{section}' with commands; correct the row of $entry->{name}");
    }
}

# ---- what is asked for ------------------------------------------------------------------------------------------------
read_table();
my @documents = documents();
if ($verb eq 'commands') {
    my @order = do { my %seen; grep { !$seen{$_}++ } map { $_->{document} } grep { $_->{name} eq $wanted } @entries };
    for my $path (@order) {
        for my $part (grep { $_->{kind} eq 'code' && $_->{language} eq 'sh' } read_document($path)) {
            my $entry = entry_of($path, $part->{section});
            print "$part->{text}\n" if $entry && $entry->{name} eq $wanted;
        }
    }
    exit 0;
}
for my $path (@documents) {
    my @parts = read_document($path);
    check_size($path);
    check_links($path, @parts);
    check_commands($path, @parts);
    next if grep { my $pattern = quotemeta =~ s/\\\*/[^\/]*/gr; $path =~ /^$pattern$/ } @generated;
    check_sentences($path, @parts);
    check_names($path, @parts);
}
check_entries();
print scalar(@documents), " documents, $faults faults\n";
exit($faults ? 1 : 0);
