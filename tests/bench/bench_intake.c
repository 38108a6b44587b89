/* Time from a picture file to its checked pixels: cold (a child is started), warm (it waits), and its parts.
 * bench_intake FILE... */
#include "intake.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 40 };

static void require(enum rc rc, const struct err *e)
{
    if (rc != RC_OK) {
        fprintf(stderr, "E%d %s\n", (int)e->code, e->msg);
        exit(1);
    }
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    struct err e = {.rc = RC_OK};
    struct conf c;
    require(conf_load(&c, &e), &e);
    printf("%-40s %9s %9s %9s\n", "best of 40, ms", "open", "cold", "warm");
    for (int i = 1; i < argc; i++) {
        double open_ms = 1e9, cold_ms = 1e9, warm_ms = 1e9;
        for (int run = 0; run < RUNS; run++) {
            struct intake_file f;
            struct image im;
            struct intake_cage *cage;
            int64_t t = clock_mono_ns();
            require(intake_open(argv[i], 256u << 20, &f, &e), &e);
            open_ms = least(open_ms, clock_ms_since(t));
            require(intake_cage_open(&c, &cage, &e), &e);
            t = clock_mono_ns();
            require(intake_decode(cage, &f, NULL, &im, &e), &e);
            cold_ms = least(cold_ms, clock_ms_since(t));
            image_fini(&im);
            t = clock_mono_ns();
            require(intake_decode(cage, &f, NULL, &im, &e), &e);
            warm_ms = least(warm_ms, clock_ms_since(t));
            image_fini(&im);
            intake_cage_close(cage);
            intake_close(&f);
        }
        printf("%-40s %9.2f %9.2f %9.2f\n", path_base(argv[i]), open_ms, cold_ms, warm_ms);
    }
    conf_free(&c);
    char words[200];
    intake_describe(words, sizeof words);
    printf("cage: %s\n", words);
    return 0;
}
