/* Open networks of this process. */
#include "station/netcache.h"

#include "base/file.h"
#include "base/text.h"
#include "intake.h"
#include "station/pattern.h"
#include "station/stamp.h"
#include "station/worker.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARCHITECTURE_MAX_BYTES = 64 << 20 };

struct netcache {
    pthread_mutex_t lock;
    struct network *first;
};

enum rc netcache_open(struct netcache **out, struct err *e)
{
    *out = mem_zalloc(1, sizeof(**out), e);
    if (!*out)
        return RC_FAILED;
    if (pthread_mutex_init(&(*out)->lock, NULL)) {
        mem_free(*out);
        *out = NULL;
        return err_set(e, ERR_MEMORY, "no memory for a lock");
    }
    return RC_OK;
}

static void network_free(struct network *n)
{
    if (!n)
        return;
    nn_net_close(n->net);
    passport_free(n->own_passport);
    mem_free(n->architecture);
    mem_free(n->path);
    mem_free(n);
}

void netcache_close(struct netcache *cache)
{
    if (!cache)
        return;
    while (cache->first) {
        struct network *n = cache->first;
        cache->first = n->next;
        network_free(n);
    }
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache);
}

enum rc isa_of_text(const char *text, enum nn_isa *out, struct err *e)
{
    *out = nn_isa_best();
    if (!text)
        return RC_OK;
    if (!nn_isa_find(text, out))
        return err_set(e, ERR_VALUE, "isa: '%.40s' is not scalar, avx2 or avx512", text);
    if (!nn_isa_usable(*out))
        return err_set(e, ERR_VALUE, "isa: this processor has no %s", nn_isa_name(*out));
    return RC_OK;
}

static uint64_t shapes_hash(const struct network_spec *s)
{
    uint64_t h = 14695981039346656037u;
    for (int32_t i = 0; s->input_shape && i < s->input_shape_n; i++)
        for (int32_t k = -1; k < s->input_shape[i].rank; k++)
            h = (h ^ (uint64_t)(uint32_t)(k < 0 ? s->input_shape[i].rank : s->input_shape[i].dim[k])) * 1099511628211u;
    return h;
}

static enum rc open_architecture(const struct network *n, struct intake_file *json, struct err *e)
{
    *json = (struct intake_file){.fd = -1};
    return n->architecture ? intake_open_network(n->architecture, ARCHITECTURE_MAX_BYTES, json, e) : RC_OK;
}

/* sha256 of the sealed copy and, when asked, the neutral form. */
static enum rc take_in(const struct conf *conf, struct network *n, const struct intake_file *json, bool import,
                       int *ir_fd, struct err *e)
{
    struct intake_file f;
    enum rc rc = intake_open_network(n->path, (uint64_t)conf_int(conf, CONF_ID_max_model_mb) << 20, &f, e);
    if (rc)
        return rc;
    str_copy(n->sha256, sizeof(n->sha256), f.sha256);
    if (import)
        rc = intake_import_network(conf, &f, n->architecture ? json : NULL, ir_fd, e);
    intake_close(&f);
    return rc;
}

/* A packed form belongs to the file, the build and, where one is used, to the architecture. */
static void packed_name_of(const struct network *n, const struct intake_file *json, const struct nn_build *b, char *dst,
                           size_t cap)
{
    char key[SHA256_HEX + 20];
    str_format(key, sizeof(key), n->architecture ? "%s+%.16s" : "%s", n->sha256, json->sha256);
    nn_packed_name(dst, cap, key, b);
}

/* Opens the packed form, makes it when absent. cache "" means that nothing can be written: packed in memory. */
static enum rc open_packed(const struct conf *conf, struct network *n, const char *cache, const struct nn_build *b,
                           char *packed_name, size_t cap, struct err *e)
{
    char packed[4096] = "";
    int ir_fd = -1;
    struct intake_file json;
    enum rc rc = open_architecture(n, &json, e);
    /* The stamp knows nothing: hash, and import at once unless a packed form is already there. */
    if (!rc && *n->sha256 == '\0')
        rc = take_in(conf, n, &json, false, &ir_fd, e);
    if (rc)
        goto done;
    packed_name_of(n, &json, b, packed_name, cap);
    if (*cache && (rc = path_join(packed, sizeof(packed), cache, packed_name, e)))
        goto done;
    struct err absent = {0};
    if (*cache && nn_net_open(packed, b, &n->net, &absent) == RC_OK)
        goto done;
    n->first_use = true;
    rc = take_in(conf, n, &json, true, &ir_fd, e);
    if (rc)
        goto done;
    packed_name_of(n, &json, b, packed_name, cap);
    if (*cache) {
        struct err full = {0};
        rc = path_join(packed, sizeof(packed), cache, packed_name, e);
        if (!rc && nn_net_pack(ir_fd, packed, b, &full) == RC_OK)
            rc = nn_net_open(packed, b, &n->net, e);
        else if (!rc && full.code != ERR_DISK)
            rc = err_set(e, full.code, "%s", full.msg);
    }
    if (!rc && !n->net)
        rc = nn_net_load(ir_fd, b, &n->net, e);
done:
    if (ir_fd >= 0)
        close(ir_fd);
    intake_close(&json);
    return rc;
}

bool has_free_dims(const struct nn_info *info)
{
    for (int32_t i = 0; i < info->input_n; i++)
        for (int32_t k = 0; k < info->input_declared[i].rank; k++)
            if (info->input_declared[i].dim[k] < 0)
                return true;
    return false;
}

/* A picture network with free height and width runs at the passport's size, 224 x 224 without one. */
static bool picture_shape(const struct network *n, struct nn_shape *out)
{
    const struct nn_info *info = nn_net_info(n->net);
    if (info->input_n != 1 || info->input_declared[0].rank != 3 || !has_free_dims(info))
        return false;
    const struct image_recipe *r = n->own_passport ? &n->own_passport->recipe : NULL;
    int32_t want[3] = {r ? r->height_px : 224, r ? r->width_px : 224, r ? r->channels : 3};
    *out = info->input_declared[0];
    for (int32_t k = 0; k < 3; k++)
        if (out->dim[k] < 0)
            out->dim[k] = want[k];
    return true;
}

enum rc golden_check(const struct passport *p, const struct nn_net *net, struct nn_pool *pool, int32_t *cases,
                     double *max_diff, struct err *e)
{
    struct network view = {.net = (struct nn_net *)(uintptr_t)net, .info = nn_net_info(net)};
    struct worker w = {.pool = pool, .threads = -1};
    enum rc rc = RC_OK;
    *cases = 0;
    *max_diff = 0;
    if (p->golden_n == 0)
        return RC_OK;
    rc = worker_bind_pool(&w, &view, e);
    for (int32_t i = 0; !rc && i < p->golden_n; i++) {
        const struct passport_golden *g = &p->golden[i];
        if (!pattern_fill(g->pattern, 0, w.in[0], w.in_n[0])) {
            rc = err_set(e, ERR_MODEL_PASSPORT, "golden pattern '%s' is not known", g->pattern);
            break;
        }
        rc = worker_forward(&w, NULL, e);
        for (size_t k = 0; !rc && k < w.out_n[0]; k++) {
            double want = json_number_value(json_array_get(g->output, k)), got = (double)w.out[0][k];
            double diff = fabs(got - want);
            *max_diff = fmax(*max_diff, diff);
            if (!(diff <= g->tolerance)) /* NaN too */
                rc = err_set(e, ERR_MODEL_GOLDEN, "golden vector %s of %.60s: output %zu is %.7g, expected %.7g",
                             g->pattern, p->id, k, got, want);
        }
        *cases += !rc;
    }
    worker_unbind(&w);
    return rc;
}

/* One word for this packed file as it is now together with these golden vectors: when either was touched since, the
 * vectors are computed again. */
static enum rc golden_word(const struct passport *p, const char *cache, const char *packed_name, char *dst, size_t cap,
                           struct err *e)
{
    char hex[SHA256_HEX], packed[4096];
    uint64_t state[STAMP_FIELDS] = {0};
    struct stat st;
    struct sha256 sum;
    char *text = json_dumps(json_object_get(p->json, "golden"), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text && p->golden_n)
        return err_set(e, ERR_MEMORY, NULL);
    if (*cache && path_join(packed, sizeof(packed), cache, packed_name, NULL) == RC_OK && stat(packed, &st) == 0)
        stamp_of_stat(&st, state);
    sha256_begin(&sum);
    sha256_add(&sum, text ? text : "", text ? strlen(text) : 0);
    sha256_add(&sum, state, sizeof(state));
    sha256_end_hex(&sum, hex);
    mem_free(text);
    str_format(dst, cap, "%s+%.16s", packed_name, hex);
    return RC_OK;
}

/* The passport's claims: that shapes fit, that the numbers reproduce (once per packed form and set of vectors). */
static enum rc verify(struct network *n, struct stamp *stamp, const char *cache, const char *packed_name,
                      bool *stamp_changed, struct err *e)
{
    const struct passport *p = n->own_passport;
    char word[300];
    enum rc rc = passport_fits(p, n->info, e);
    if (!rc)
        rc = golden_word(p, cache, packed_name, word, sizeof(word), e);
    if (rc || stamp_verified(stamp, word))
        return rc;
    struct nn_pool *pool;
    int32_t cases;
    double diff;
    n->first_use = true;
    rc = nn_pool_new(processors() < 4 ? processors() : 4, &pool, e);
    if (rc)
        return rc;
    rc = golden_check(p, n->net, pool, &cases, &diff, e);
    nn_pool_free(pool);
    if (!rc)
        rc = stamp_add_verified(stamp, word, e);
    *stamp_changed = true;
    return rc;
}

/* A packed file that was damaged after it was checked is made again, once; a network that then still fails is refused.
 */
static enum rc verify_or_repack(const struct conf *conf, struct network *n, struct stamp *stamp, const char *cache,
                                const struct nn_build *b, char *packed_name, size_t cap, bool *stamp_changed,
                                struct err *e)
{
    struct err first = {0};
    char packed[4096];
    enum rc rc = verify(n, stamp, cache, packed_name, stamp_changed, &first);
    if (first.code != ERR_MODEL_GOLDEN || !*cache || path_join(packed, sizeof(packed), cache, packed_name, NULL) ||
        unlink(packed))
        return rc ? err_set(e, first.code, "%s", first.msg) : RC_OK;
    nn_net_close(n->net);
    n->net = NULL;
    rc = open_packed(conf, n, cache, b, packed_name, cap, e);
    if (rc)
        return rc;
    n->info = nn_net_info(n->net);
    return verify(n, stamp, cache, packed_name, stamp_changed, e);
}

static bool passport_path(const struct network *n, char *dst, size_t cap)
{
    size_t stem = strlen(n->path) - strlen(path_ext(n->path));
    return str_format(dst, cap, "%.*sjson", (int)stem, n->path);
}

/* What tells one state of the network's files from another; false when the network is gone. */
static bool state_of(const struct network *n, uint64_t state[3 * STAMP_FIELDS])
{
    char path[4096];
    struct stat st;
    memset(state, 0, 3 * STAMP_FIELDS * sizeof(*state));
    if (stat(n->path, &st))
        return false;
    stamp_of_stat(&st, state);
    if (passport_path(n, path, sizeof(path)) && stat(path, &st) == 0)
        stamp_of_stat(&st, state + STAMP_FIELDS);
    if (n->architecture_given && stat(n->architecture, &st) == 0)
        stamp_of_stat(&st, state + 2 * STAMP_FIELDS);
    return true;
}

static enum rc load_passport(struct network *n, bool is_id, struct err *e)
{
    char path[4096];
    if (!passport_path(n, path, sizeof(path)))
        return err_set(e, ERR_VALUE, "path is longer than %zu bytes", sizeof(path));
    if (is_id && access(path, F_OK) == 0)
        return passport_load(path, &n->own_passport, e);
    return passport_load_beside(path, &n->own_passport, e);
}

/* Is this the JSON of model.to_json(), not a passport or somebody's notes? */
static bool architecture_like(const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || st.st_size > ARCHITECTURE_MAX_BYTES)
        return false;
    json_t *o = json_load_file(path, 0, NULL);
    const json_t *root = json_object_get(o, "model_config") ? json_object_get(o, "model_config") : o;
    bool like = json_is_string(json_object_get(root, "class_name")) && json_object_get(root, "config");
    json_decref(o);
    return like;
}

static enum rc find_architecture(struct network *n, const struct network_spec *spec, struct err *e)
{
    char path[4096];
    n->architecture_given = spec->architecture;
    if (!spec->architecture && (n->own_passport || !passport_path(n, path, sizeof(path)) || !architecture_like(path)))
        return RC_OK;
    n->architecture = mem_strdup(spec->architecture ? spec->architecture : path, e);
    return n->architecture ? RC_OK : RC_FAILED;
}

/* Everything about one network: passport, sha256, packed form, checks. */
static enum rc network_load(struct station *st, struct network *n, const struct network_spec *spec, bool is_id,
                            struct err *e)
{
    const struct conf *conf;
    struct stat st_file;
    struct stamp stamp = {0};
    char cache[4096], packed_name[256];
    bool stamp_changed = false;
    enum rc rc = station_conf(st, &conf, e);
    if (rc)
        return rc;
    if (!state_of(n, n->state) || stat(n->path, &st_file))
        return err_sys(e, ERR_MODEL_MISSING, errno, "Model file not found at %s", n->path);
    if (cache_dir(cache, sizeof(cache), NULL))
        cache[0] = '\0';
    stamp_load(cache, n->path, &st_file, &stamp);
    memcpy(n->sha256, stamp.sha256, sizeof(n->sha256));
    rc = load_passport(n, is_id, e);
    if (!rc)
        rc = find_architecture(n, spec, e);
    if (!rc)
        (void)state_of(n, n->state); /* with the architecture's file */
    struct nn_shape picture;
    struct nn_build build = {.isa = spec->isa, .input_shape = spec->input_shape, .input_shape_n = spec->input_shape_n};
    if (!rc)
        rc = open_packed(conf, n, cache, &build, packed_name, sizeof(packed_name), e);
    if (!rc && !spec->input_shape && picture_shape(n, &picture)) {
        nn_net_close(n->net);
        n->net = NULL;
        build.input_shape = &picture;
        build.input_shape_n = 1;
        rc = open_packed(conf, n, cache, &build, packed_name, sizeof(packed_name), e);
    }
    if (!rc && !str_eq(stamp.sha256, n->sha256)) {
        memcpy(stamp.sha256, n->sha256, sizeof(stamp.sha256));
        stamp_changed = true;
    }
    if (!rc)
        n->info = nn_net_info(n->net);
    if (!rc && n->own_passport && !str_eq(n->own_passport->sha256, n->sha256))
        rc = err_set(e, ERR_MODEL_PASSPORT, "sha256 of %.120s is not the one in its passport", path_base(n->path));
    if (!rc && n->own_passport && !spec->input_shape)
        rc = verify_or_repack(conf, n, &stamp, cache, &build, packed_name, sizeof(packed_name), &stamp_changed, e);
    if (!rc && !n->own_passport) {
        struct err not_a_picture = {0};
        if (passport_assume(n->info, n->id, n->sha256, &n->own_passport, &not_a_picture) &&
            not_a_picture.rc == RC_FAILED)
            rc = err_set(e, not_a_picture.code, "%s", not_a_picture.msg);
    }
    n->passport = n->own_passport;
    if (*cache && stamp_changed && *stamp.sha256 && (!rc || e->code != ERR_MODEL_GOLDEN))
        stamp_save(cache, n->path, &stamp);
    stamp_fini(&stamp);
    return rc;
}

static bool still_there(const struct network *n)
{
    uint64_t now[3 * STAMP_FIELDS];
    return state_of(n, now) && memcmp(now, n->state, sizeof(now)) == 0;
}

static bool same_architecture(const struct network *n, const struct network_spec *spec)
{
    const char *given = n->architecture_given ? n->architecture : NULL;
    return given && spec->architecture ? str_eq(given, spec->architecture) : !given && !spec->architecture;
}

static enum rc network_new(struct station *st, const char *model, const struct network_spec *spec, struct network **out,
                           struct err *e)
{
    char path[PATH_MAX], real[PATH_MAX];
    bool is_id;
    enum rc rc = netcache_path(model, path, sizeof(path), &is_id, e);
    if (rc)
        return rc;
    struct network *n = mem_zalloc(1, sizeof(*n), e);
    if (!n)
        return RC_FAILED;
    n->isa = spec->isa;
    n->shape_hash = shapes_hash(spec);
    n->path = realpath(path, real) ? mem_strdup(real, e) : NULL;
    if (!str_copy(n->model, sizeof(n->model), model))
        rc = err_set(e, ERR_VALUE, "model name is longer than %zu bytes", sizeof(n->model));
    if (!rc && !n->path)
        rc = model_missing(model, path, is_id, e);
    if (!rc) {
        const char *base = path_base(n->path);
        size_t stem = strlen(base) - strlen(path_ext(base));
        str_format(n->id, sizeof(n->id), "%.*s", (int)(stem > 1 && base[stem - 1] == '.' ? stem - 1 : stem), base);
        text_safe(n->id, sizeof(n->id), n->id, true);
        rc = network_load(st, n, spec, is_id, e);
    }
    if (rc)
        network_free(n);
    else
        *out = n;
    return rc;
}

enum rc netcache_get(struct station *st, const struct network_spec *spec, const struct network **out, struct err *e)
{
    *out = NULL;
    const struct conf *conf;
    enum rc rc = station_conf(st, &conf, e);
    if (rc)
        return rc;
    const char *model = spec->model ? spec->model : conf_text(conf, CONF_ID_default_model);
    struct netcache *cache = st->nets;
    uint64_t hash = shapes_hash(spec);
    pthread_mutex_lock(&cache->lock);
    for (struct network *n = cache->first; n && !*out; n = n->next)
        if (str_eq(n->model, model) && n->isa == spec->isa && n->shape_hash == hash && same_architecture(n, spec) &&
            still_there(n))
            *out = n;
    if (!*out) {
        struct network *n = NULL;
        rc = network_new(st, model, spec, &n, e);
        if (!rc) {
            n->next = cache->first;
            cache->first = n;
            *out = n;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return rc;
}
