/* The station's networks and the whole of a prediction: what is remembered about a network is forgotten when its
 * passport changes; every allocation of a prediction may fail. */
#include "base/file.h"
#include "base/text.h"
#include "station/netcache.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_CAP = 1 << 20 };

struct place {
    char dir[64], model[128], passport[128], picture[400];
    char home[128];
};

static void tree_file(char *dst, size_t cap, const char *name)
{
    char dir[300];
    assert_int_equal(models_dir(dir, sizeof(dir), NULL), RC_OK);
    assert_true(str_format(dst, cap, "%s/%s", dir, name));
}

static void copy(const char *from, const char *to)
{
    char name[400], *data;
    size_t n;
    tree_file(name, sizeof(name), from);
    assert_int_equal(file_read(name, (size_t)64 << 20, &data, &n, NULL), RC_OK);
    assert_int_equal(file_write_atomic(to, data, n, 0600, NULL), RC_OK);
    mem_free(data);
}

static int setup(void **state)
{
    static struct place p;
    str_copy(p.dir, sizeof(p.dir), "/tmp/clinic-networks-XXXXXX");
    if (!mkdtemp(p.dir))
        return -1;
    str_format(p.home, sizeof(p.home), "%s/home", p.dir);
    str_format(p.model, sizeof(p.model), "%s/net.h5", p.dir);
    str_format(p.passport, sizeof(p.passport), "%s/net.json", p.dir);
    unsetenv("CLINIC_MODELS");
    tree_file(p.picture, sizeof(p.picture), "../samples/chest-pneumonia-1.jpg");
    setenv("CLINIC_HOME", p.home, 1);
    copy("chest-pneumonia.h5", p.model);
    copy("chest-pneumonia.json", p.passport);
    *state = &p;
    return 0;
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    return nftw(((struct place *)*state)->dir, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes the passport with the first `old` replaced. */
static void edit_passport(const struct place *p, const char *old, const char *new)
{
    char *text;
    size_t n;
    struct buf b = {0};
    assert_int_equal(file_read(p->passport, TEXT_CAP, &text, &n, NULL), RC_OK);
    char *at = strstr(text, old);
    assert_non_null(at);
    buf_add(&b, text, (size_t)(at - text));
    buf_puts(&b, new);
    buf_puts(&b, at + strlen(old));
    assert_int_equal(file_write_atomic(p->passport, b.data, b.len, 0600, NULL), RC_OK);
    buf_free(&b);
    mem_free(text);
}

static struct station *open_station(void)
{
    struct station *st;
    struct err e = {0};
    assert_int_equal(station_open(NULL, &st, &e), RC_OK);
    return st;
}

static enum rc get(struct station *st, const struct place *p, const struct network **net, struct err *e)
{
    const struct network_spec spec = {.model = p->model, .isa = nn_isa_best()};
    *e = (struct err){0};
    return netcache_get(st, &spec, net, e);
}

static void a_changed_passport_is_read_again(void **state)
{
    const struct place *p = *state;
    const struct network *first, *again, *changed;
    struct err e;
    struct station *st = open_station();
    assert_int_equal(get(st, p, &first, &e), RC_OK);
    assert_true(first->first_use);
    assert_string_equal(first->passport->version, "1.0.0");
    assert_int_equal(get(st, p, &again, &e), RC_OK);
    assert_ptr_equal(again, first);
    edit_passport(p, "\"1.0.0\"", "\"1.0.1\"");
    assert_int_equal(get(st, p, &changed, &e), RC_OK);
    assert_string_equal(changed->passport->version, "1.0.1");
    assert_string_equal(first->passport->version, "1.0.0"); /* still there for runs that borrow it */
    station_close(st);
}

static void changed_golden_vectors_are_computed_again(void **state)
{
    const struct place *p = *state;
    const struct network *net;
    struct err e;
    usleep(150 * 1000); /* stamps are not kept of files that are younger */
    struct station *st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    station_close(st);
    st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    assert_false(net->first_use); /* remembered */
    station_close(st);
    edit_passport(p, "0.16012609", "0.16112609");
    st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_MODEL_GOLDEN);
    edit_passport(p, "0.16112609", "0.16012609");
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    assert_true(net->first_use); /* the packed form had been made again before the vectors were blamed */
    station_close(st);
}

static int damage(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)at;
    if (flag != FTW_F || !str_eq(path_ext(path), "nn"))
        return 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    static const char wrong[64] = {'x'};
    for (off_t place = st->st_size / 2; place < st->st_size / 2 + 65536; place += (off_t)sizeof(wrong))
        if (pwrite(fd, wrong, sizeof(wrong), place) != (ssize_t)sizeof(wrong))
            return -1;
    return close(fd);
}

static void damaged_weights_are_noticed_and_packed_again(void **state)
{
    const struct place *p = *state;
    const struct network *net;
    struct err e;
    usleep(150 * 1000);
    struct station *st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    station_close(st);
    assert_int_equal(nftw(p->dir, damage, 16, FTW_PHYS), 0);
    st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    assert_true(net->first_use);
    station_close(st);
    st = open_station();
    assert_int_equal(get(st, p, &net, &e), RC_OK);
    assert_false(net->first_use);
    station_close(st);
}

/* A network of a few layers without a passport. */
static enum rc predict(struct station *st, const struct place *p, json_t **result, struct err *e)
{
    char model[400];
    struct station_answer a;
    tree_file(model, sizeof(model), "../tests/golden/nn/keras/center_crop.h5");
    int fd = open(p->picture, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    json_t *args = json_pack("{s:s s:s s:i}", "model", model, "name", "a.jpg", "threads", 2);
    struct station_request q = {.op = "predict", .args = args, .fd = fd};
    enum rc rc = station_call(st, &q, &a, e);
    *result = rc ? NULL : json_incref(a.result);
    if (!rc)
        station_answer_fini(&a);
    json_decref(args);
    close(fd);
    return rc;
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Each allocation of a whole prediction fails once, from opening the station to the answer. What can do without
 * goes on (a packed form that cannot be opened is made again); otherwise the error says so. Nothing stays open. */
static void every_allocation_of_a_prediction_may_fail(void **state)
{
    const struct place *p = *state;
    struct err e = {0};
    json_t *want, *got;
    struct station *st = open_station();
    assert_int_equal(predict(st, p, &want, &e), RC_OK);
    station_close(st);
    size_t descriptors = open_descriptors();
    unsigned long failed = 0;
    bool done = false;
    for (unsigned long nth = 1; !done; nth++) {
        e = (struct err){0};
        got = NULL;
        mem_fail_nth(nth);
        enum rc rc = station_open(NULL, &st, &e);
        if (!rc)
            rc = predict(st, p, &got, &e);
        done = mem_fail_nth(0) < nth;
        station_close(st);
        if (rc ? e.code != ERR_MEMORY : !json_equal(json_object_get(got, "scores"), json_object_get(want, "scores")))
            fail_msg("allocation %lu: rc %d, E%d %s", nth, (int)rc, (int)e.code, e.msg);
        failed += rc != RC_OK;
        json_decref(got);
        assert_int_equal(open_descriptors(), descriptors);
    }
    assert_true(failed > 30);
    json_decref(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_changed_passport_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_golden_vectors_are_computed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_weights_are_noticed_and_packed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_prediction_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
