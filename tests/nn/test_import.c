/* Networks saved by Keras 2.15 and 3.9 (tests/golden/nn/keras, and the reference data where it is present): import,
 * plan, run, compare with what Keras computed. */
#include "base/file.h"
#include "base/text.h"
#include "nn.h"
#include "nn/ir.h"
#include "nn_import.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { IO = NN_IO_MAX };
static const double within = 1e-5, within_relative = 1e-4;

/* ---- input patterns: element i of input k (see the reference data's description) ---- */

static float noise(uint32_t i, uint32_t seed)
{
    uint32_t u = i * 2654435761u + seed;
    u ^= u >> 15;
    u *= 2246822519u;
    u ^= u >> 13;
    return (float)((double)u / 4294967296.0);
}

static float pattern(const char *name, uint32_t k, uint32_t i, int vocabulary)
{
    if (vocabulary > 0)
        return (float)((i * 7 + 3 + k) % (uint32_t)(vocabulary < 50 ? vocabulary : 50));
    switch (name[1]) {
    case '0':
        return noise(i, 12345u + 1000003u * k);
    case '1':
        return (float)((i * 7 + 13 * k) % 256) / 255.0F;
    case '2':
        return 2.0F * noise(i, 54321u + 1000003u * k) - 1.0F;
    default:
        return 0.5F;
    }
}

static int64_t elements(const struct nn_shape *s)
{
    int64_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

static float *floats(int64_t n)
{
    struct err e = {0};
    float *p = mem_aligned((size_t)(n + 16) * sizeof(float), &e);
    assert_non_null(p);
    return p;
}

/* ---- one file ---- */

static int import(const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), out = memfd_create("neutral", MFD_CLOEXEC);
    assert_true(fd >= 0 && out >= 0 && fstat(fd, &st) == 0);
    const struct nn_import_source source = {.fd = fd, .size_bytes = (uint64_t)st.st_size};
    const struct nn_import_sink sink = {.fd = out, .max_bytes = 1u << 30};
    enum rc rc = nn_import(&source, &sink, e);
    close(fd);
    if (rc) {
        close(out);
        return -1;
    }
    return out;
}

static bool same(double ours, const json_t *theirs)
{
    double want = json_is_number(theirs) ? json_number_value(theirs) : strtod(json_string_value(theirs), NULL);
    return isnan(want) ? isnan(ours) : ours == want || fabs(ours - want) <= within + within_relative * fabs(want);
}

static bool outputs_match(const char *path, const struct nn_info *info, float *const *out, const json_t *item)
{
    const json_t *want = json_object_get(item, "outputs");
    if (json_array_size(want) != (size_t)info->output_n) {
        print_error("%s: %d outputs, expected %zu\n", path, (int)info->output_n, json_array_size(want));
        return false;
    }
    for (int32_t k = 0; k < info->output_n; k++) {
        const json_t *values = json_array_get(want, (size_t)k);
        if ((int64_t)json_array_size(values) > elements(&info->output[k]))
            return false;
        for (size_t i = 0; i < json_array_size(values); i++) {
            if (same((double)out[k][i], json_array_get(values, i)))
                continue;
            print_error("%s: output %d, value %zu is %.9g\n", path, (int)k, i, (double)out[k][i]);
            return false;
        }
    }
    return true;
}

static bool case_passes(const char *path, struct nn_run *run, const struct nn_info *info, const json_t *reference,
                        const json_t *item)
{
    float *in[IO], *out[IO];
    struct err e = {0};
    const char *name = json_string_value(json_object_get(item, "pattern"));
    const json_t *scale = json_object_get(reference, "input_scale");
    for (int32_t k = 0; k < info->input_n; k++) {
        char key[12];
        str_format(key, sizeof(key), "%d", (int)k);
        int vocabulary = (int)json_number_value(json_object_get(json_object_get(reference, "token_inputs"), key));
        int64_t n = elements(&info->input[k]);
        in[k] = floats(n);
        for (int64_t i = 0; i < n; i++)
            in[k][i] =
                (scale ? (float)json_number_value(scale) : 1.0F) * pattern(name, (uint32_t)k, (uint32_t)i, vocabulary);
    }
    for (int32_t k = 0; k < info->output_n; k++)
        out[k] = floats(elements(&info->output[k]));
    bool ok = nn_forward(run, (const float *const *)in, out, NULL, &e) == RC_OK && outputs_match(path, info, out, item);
    for (int32_t k = 0; k < info->input_n; k++)
        mem_free(in[k]);
    for (int32_t k = 0; k < info->output_n; k++)
        mem_free(out[k]);
    return ok;
}

static bool network_passes(const char *path, const json_t *reference, enum nn_isa isa)
{
    struct err e = {0};
    struct nn_net *net = NULL;
    struct nn_pool *pool = NULL;
    struct nn_run *run = NULL;
    const struct nn_build build = {.isa = isa};
    int fd = import(path, &e);
    if (json_is_string(json_object_get(reference, "expect"))) {
        if (fd >= 0)
            close(fd);
        return e.code == ERR_MODEL_UNSUPPORTED;
    }
    bool ok = fd >= 0 && nn_net_load(fd, &build, &net, &e) == RC_OK && nn_pool_new(1, &pool, &e) == RC_OK &&
              nn_run_new(net, pool, &run, &e) == RC_OK;
    if (!ok)
        print_error("%s: E%d %s\n", path, (int)e.code, e.msg);
    size_t i;
    json_t *item;
    const json_t *cases = json_object_get(reference, "cases");
    json_array_foreach(cases, i, item) ok = ok && case_passes(path, run, nn_net_info(net), reference, item);
    nn_run_free(run);
    nn_pool_free(pool);
    nn_net_close(net);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* All NAME.json beside NAME.h5 of a folder; returns how many, or -1 where there is no such folder. */
static int folder_passes(const char *folder, enum nn_isa isa, int *bad)
{
    DIR *d = opendir(folder);
    int n = 0;
    if (!d)
        return -1;
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char json_path[4096], path[4096];
        size_t len = strlen(f->d_name);
        if (len < 6 || !str_eq(f->d_name + len - 5, ".json"))
            continue;
        str_format(json_path, sizeof(json_path), "%s/%s", folder, f->d_name);
        str_format(path, sizeof(path), "%s/%.*s.h5", folder, (int)(len - 5), f->d_name);
        json_t *reference = json_load_file(json_path, 0, NULL);
        /* Half precision is computed here in single precision. */
        bool skip =
            access(path, R_OK) != 0 || strstr(f->d_name, "float16") || json_object_get(reference, "weights_only");
        if (reference && !skip) {
            n++;
            *bad += !network_passes(path, reference, isa);
        }
        json_decref(reference);
    }
    closedir(d);
    return n;
}

static void golden(enum nn_isa isa)
{
    int bad = 0;
    if (!nn_isa_usable(isa))
        skip();
    assert_true(folder_passes("tests/golden/nn/keras", isa, &bad) >= 40);
    assert_int_equal(bad, 0);
}

static void golden_scalar(void **state)
{
    (void)state;
    golden(NN_ISA_SCALAR);
}

static void golden_best(void **state)
{
    (void)state;
    golden(nn_isa_best());
}

static void reference_data(void **state)
{
    (void)state;
    const char *root = getenv("CLINIC_SHARED");
    char folder[4096];
    int bad = 0;
    str_format(folder, sizeof(folder), "%s/keras/layers", root ? root : "../shared");
    int n = folder_passes(folder, nn_isa_best(), &bad);
    if (n < 0) {
        print_message("skipped: reference data not present\n");
        skip();
    }
    assert_true(n > 400);
    assert_int_equal(bad, 0);
}

/* ---- every row of layers.def is run by a golden case ---- */

static const char *const row_names[] = {
#define LAYER(names, function, weights, options) names,
#include "nn/import/layers.def"
#undef LAYER
};

static bool row_has(const char *names, const char *class_name)
{
    size_t len = strlen(class_name);
    for (const char *p = names; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == len && strncmp(p, class_name, len) == 0)
            return true;
    return false;
}

/* Layers inside wrappers count for the wrapper alone, so cells, which live in RNN only, are asked for by that row. */
static bool row_inside_others(const char *names)
{
    return row_has(names, "LSTMCell") || row_has(names, "SpectralNormalization");
}

static void rows_covered(void **state)
{
    (void)state;
    bool seen[ARRAY_N(row_names)] = {false};
    DIR *d = opendir("tests/golden/nn/keras");
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char path[4096];
        struct err e = {0};
        struct ir_graph g;
        struct ir_map map;
        if (!str_eq(path_ext(f->d_name), "h5"))
            continue;
        str_format(path, sizeof(path), "tests/golden/nn/keras/%s", f->d_name);
        int fd = import(path, &e);
        assert_true(fd >= 0 && ir_read(fd, &g, &map, &e) == RC_OK);
        for (int32_t k = 0; k < g.layer_n; k++)
            for (size_t r = 0; r < ARRAY_N(row_names); r++)
                seen[r] = seen[r] || row_has(row_names[r], ir_text(&g, g.layer[k].class_name));
        ir_fini(&g);
        ir_unmap(&map);
        close(fd);
    }
    closedir(d);
    for (size_t r = 0; r < ARRAY_N(row_names); r++) {
        if (!seen[r] && !row_inside_others(row_names[r]))
            fail_msg("no golden case for %s", row_names[r]);
    }
}

/* The neutral form is checked by the reader: a change of any byte of header and arrays is refused or harmless. */
static void neutral_form_mutations(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = import("tests/golden/nn/keras/siamese.h5", &e);
    assert_true(fd >= 0);
    char head[6000];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    assert_true(n > 1000);
    const struct nn_build build = {.isa = NN_ISA_SCALAR};
    int refused = 0;
    for (ssize_t at = 0; at < n; at += 3) {
        static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
        char byte = (char)values[(size_t)at % sizeof(values)];
        struct nn_net *net = NULL;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        e = (struct err){0};
        refused += nn_net_load(fd, &build, &net, &e) != RC_OK;
        nn_net_close(net);
        assert_int_equal(pwrite(fd, head + at, 1, at), 1);
    }
    assert_true(refused > 100);
    close(fd);
}

/* Every allocation fails once: an error, no leak, no crash. */
static void failing_allocations(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = import("tests/golden/nn/keras/op_arith_k3.h5", &e); /* libraries set themselves up */
    close(fd);
    bool done = false;
    for (unsigned long nth = 1; !done && nth < 100000; nth++) {
        e = (struct err){0};
        mem_fail_nth(nth);
        fd = import("tests/golden/nn/keras/op_arith_k3.h5", &e);
        done = mem_fail_nth(0) < nth;
        assert_true(done == (fd >= 0));
        if (fd >= 0)
            close(fd);
        else
            assert_true(e.rc != RC_OK);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_covered),
        cmocka_unit_test(golden_scalar),
        cmocka_unit_test(golden_best),
        cmocka_unit_test(reference_data),
        cmocka_unit_test(neutral_form_mutations),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
