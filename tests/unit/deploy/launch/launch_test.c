/* A topology as it was meant where the command was given. */
#include "deploy/launch/launch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads a topology with this data directory and this command for renting; both come back as they are used. */
static void s_read(const char *data, const char *rent, char ret_data[256], char ret_rent[256])
{
    char set_data[300], set_rent[300];
    launch_t launch;
    err_t err = {0};
    snprintf(set_data, sizeof set_data, "job.data.dir=\"%s\"", data);
    snprintf(set_rent, sizeof set_rent, "plan.rent=\"%s\"", rent);
    const char *const sets[] = {set_data, set_rent};
    launch_init(&launch);
    cr_assert_eq(launch_read(&launch, SOURCE_DIR "/deploy/topologies/two-regions.yaml", sets, 2, NULL, &err),
                 ERR_OK, "%s", err.text);
    snprintf(ret_data, 256, "%s", launch.topology->job.data.dir);
    snprintf(ret_rent, 256, "%s", launch.topology->plan.rent);
    launch_fini(&launch);
}

Test(launch, paths_of_a_topology_mean_the_same_from_everywhere)
{
    char data[256], rent[256];
    setenv("HOME", "/home/me", 1);
    cr_assert_eq(chdir("/usr"), 0);
    s_read("~/data", "~/bin/rent", data, rent);
    cr_expect_str_eq(data, "/home/me/data");
    cr_expect_str_eq(rent, "/home/me/bin/rent");
    s_read("data", "./rent", data, rent);
    cr_expect_str_eq(data, "/usr/data");
    cr_expect_str_eq(rent, "/usr/./rent");
    s_read("/data", "/bin/rent", data, rent);
    cr_expect_str_eq(data, "/data");
    cr_expect_str_eq(rent, "/bin/rent");
}

Test(launch, a_command_without_a_slash_is_looked_for_in_the_path)
{
    char data[256], rent[256];
    s_read("/data", "rent", data, rent);
    cr_expect_str_eq(rent, "rent");
}
