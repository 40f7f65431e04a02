#!/usr/bin/perl
# The file and the row of the model that actors/model/README.md adds: model.pl ROOT FOLDER puts them there, as tiny.c and, with the
# rows that there are, brokers/models.def.
use strict;
use warnings;
use File::Path 'make_path';

my ($root, $folder) = @ARGV;
sub slurp { my ($path) = @_; local $/; open my $in, '<', $path or die "$path: $!\n"; return scalar <$in> }
sub spew { my ($path, $text) = @_; open my $out, '>', $path or die "$path: $!\n"; print $out $text; close $out or die "$path: $!\n" }

my $document = slurp("$root/actors/model/README.md");
my ($file) = $document =~ /^```c\n(.*?)^```/ms or die "actors/model/README.md has no file of a model\n";
my ($row) = $document =~ /^```def\n(.*?)^```/ms or die "actors/model/README.md has no row of a model\n";
make_path("$folder/brokers");
spew("$folder/tiny.c", $file);
spew("$folder/brokers/models.def", slurp("$root/brokers/models.def") . $row);
