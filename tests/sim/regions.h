/* regions - topologies of the worlds that are judged: some regions of two shards each, all linked; the
 * first has the larger share. */
#ifndef TESTS_SIM_REGIONS_H
#define TESTS_SIM_REGIONS_H

#include "brokers/topology.h"

#include <stdio.h>
#include <stdlib.h>

/* Parses `job`, the text of a topology up to its regions, with regions and links behind it; a text that is
 * wrong ends the program.
 *
 *   in   samples  of the whole job
 */
static inline topology_t *regions_topology(const char *job, unsigned regions, unsigned workers,
                                           uint64_t samples)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "%sregions:\n", job);
    for (unsigned r = 0; r < regions; r++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "  - {name: r%u, data_share: %u, workers: %u, shards: 2}\n", r, r ? 1 : 2, workers);
    n += snprintf(text + n, sizeof text - (size_t)n, "links:\n");
    for (unsigned a = 0; a < regions; a++)
        for (unsigned b = a + 1; b < regions; b++)
            n += snprintf(text + n, sizeof text - (size_t)n, "  - {between: [r%u, r%u]}\n", a, b);
    topology_t *topology = NULL;
    err_t err = {0};
    if (topology_parse("world", text, (size_t)n, NULL, 0, &topology, &err)) {
        fprintf(stderr, "%s\n%s\n", err.text, text);
        exit(2);
    }
    topology->job.data.samples = samples;
    return topology;
}

#endif
