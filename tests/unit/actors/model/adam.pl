#!/usr/bin/env perl
# What Adam computes of a few gradients, in double precision, with the formula as PyTorch's torch.optim.Adam has it:
# lr / (1 - beta1^t) before the mean, and the root of 1 - beta2^t under the root of the square. It has made the rows of
# s_adam in optimizer_test.c:
#
#   perl tests/unit/actors/model/adam.pl
use strict;
use warnings;

my ($lr, $beta1, $beta2, $epsilon) = (0.01, 0.9, 0.999, 1e-8);
my @w = (0.5, -0.25, 0.125, 1, 0);
my @gradients = ([1, -2, 1e-7, 0, 100], [0.5, 2, -1e-7, 0, -50], [-1, 0.25, 3e-8, 1e-3, 25], [0.125, -0.5, 0, 0, 75]);
my (@mean, @square) = ();
my ($power1, $power2) = (1, 1);
for my $g (@gradients) {
    ($power1, $power2) = ($power1 * $beta1, $power2 * $beta2);
    for my $i (0 .. $#w) {
        $mean[$i] = $beta1 * ($mean[$i] // 0) + (1 - $beta1) * $g->[$i];
        $square[$i] = $beta2 * ($square[$i] // 0) + (1 - $beta2) * $g->[$i]**2;
        my $denominator = sqrt($square[$i]) / sqrt(1 - $power2) + $epsilon;
        $w[$i] -= $lr / (1 - $power1) * $mean[$i] / $denominator;
    }
    print '{', join(', ', map { sprintf '%.9g', $_ } @w), "},\n";
}
