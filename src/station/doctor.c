/* Is this machine fit, is the station sound. */
#include "base/file.h"
#include "base/text.h"
#include "intake.h"
#include "nn.h"
#include "station/worker.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct findings {
    struct op_call *c;
    json_t *rows;
    bool all_ok;
};

static void found(struct findings *f, const char *name, bool ok, const char *detail, const char *advice)
{
    char text[500];
    f->all_ok = f->all_ok && ok;
    json_array_append_new(f->rows, json_pack("{s:s s:b s:s s:s}", "name", name, "ok", ok, "detail",
                                             text_safe(text, sizeof(text), detail, false), "advice", ok ? "" : advice));
}

static void check_settings(struct findings *f)
{
    const struct conf *conf;
    struct err e = {0};
    bool ok = station_conf(f->c->st, &conf, &e) == RC_OK;
    found(f, "settings", ok, ok ? "readable" : e.msg, "Correct the named line of clinic.conf");
}

static void check_processor(struct findings *f)
{
    char text[120];
    str_format(text, sizeof(text), "%d processors, instructions: %s", processors(), nn_isa_name(nn_isa_best()));
    found(f, "processor", true, text, "");
}

static void check_folder(struct findings *f, const char *name, enum rc (*where)(char *, size_t, struct err *),
                         bool writable)
{
    char path[PATH_MAX] = "", text[PATH_MAX + 80];
    struct err e = {0};
    struct statvfs fs;
    bool ok = where(path, sizeof(path), &e) == RC_OK && access(path, writable ? R_OK | W_OK | X_OK : R_OK | X_OK) == 0;
    if (*path && statvfs(path, &fs) == 0)
        str_format(text, sizeof(text), "%s, %llu MB free", path, (unsigned long long)fs.f_bavail * fs.f_frsize >> 20);
    else
        str_copy(text, sizeof(text), *path ? path : e.msg);
    bool absent = !ok && where == home_dir && access(path, F_OK) != 0;
    if (absent)
        str_format(text, sizeof(text), "%s, not there yet: made when first needed", path);
    found(f, name, ok || absent, text,
          writable ? "Make the folder writable for you" : "Make the folder readable for you");
}

static void check_cage(struct findings *f)
{
    char text[300];
    intake_describe(text, sizeof(text));
    bool ok = strstr(text, "seccomp yes") != NULL;
    found(f, "cage", ok, text, "Untrusted files cannot be read safely here: use a kernel with seccomp");
}

static enum rc count_model(void *ctx, const char *id, struct err *e)
{
    (void)id;
    (void)e;
    ++*(int *)ctx;
    return RC_OK;
}

static void check_models(struct findings *f)
{
    const struct network *net;
    int n = 0;
    char text[320];
    struct err e = {0};
    struct network_spec spec = {.isa = nn_isa_best()};
    bool ok = models_each(count_model, &n, &e) == RC_OK && n > 0;
    str_format(text, sizeof(text), "%d installed", n);
    found(f, "networks", ok,
          ok       ? text
          : *e.msg ? e.msg
                   : "none installed",
          "Set CLINIC_MODELS to the folder of the networks");
    ok = netcache_get(f->c->st, &spec, &net, &e) == RC_OK;
    if (ok)
        str_format(text, sizeof(text), "%s opens, golden vectors reproduce", net->id);
    found(f, "default network", ok, ok ? text : e.msg, "Reinstall the network, or choose another default_model");
}

static void check_modules(struct findings *f)
{
    static const struct {
        const char *module, *symbol, *what;
    } modules[] = {
        {"ascii", "ascii_draw_impl", "pictures as characters"},
        {"picture", "image_write_png_impl", "pictures for reports and e-mail"},
        {"pdf", "report_pdf_impl", "reports as PDF"},
        {"smtp", "mail_smtp_deliver", "e-mail"},
    };
    for (size_t i = 0; i < ARRAY_N(modules); i++) {
        char name[60];
        struct err e = {0};
        bool ok = module_symbol(modules[i].module, modules[i].symbol, &e) != NULL;
        str_format(name, sizeof(name), "module %s", modules[i].module);
        found(f, name, ok, ok ? modules[i].what : e.msg,
              "Install the packages that 'make deps' names, then build again");
    }
}

static void check_terminal(struct findings *f)
{
    const char *term = getenv("TERM"), *lang = getenv("LC_ALL");
    char text[160];
    lang = lang && *lang ? lang : getenv("LC_CTYPE");
    lang = lang && *lang ? lang : getenv("LANG");
    str_format(text, sizeof(text), "TERM=%s, locale %s", term ? term : "not set", lang && *lang ? lang : "C");
    found(f, "terminal", true, text, "");
}

enum rc op_doctor(struct op_call *c, struct err *e)
{
    struct findings f = {.c = c, .rows = json_array(), .all_ok = true};
    if (!f.rows)
        return err_set(e, ERR_MEMORY, NULL);
    check_settings(&f);
    check_processor(&f);
    check_folder(&f, "station folder", home_dir, true);
    check_folder(&f, "cache folder", cache_dir, true);
    check_folder(&f, "network folder", models_dir, false);
    check_folder(&f, "library folder", lib_dir, false);
    check_cage(&f);
    check_models(&f);
    check_modules(&f);
    check_terminal(&f);
    return answer_set(c, json_pack("{s:b s:o}", "ok", f.all_ok, "checks", f.rows), e);
}

enum rc op_health(struct op_call *c, struct err *e)
{
    struct findings f = {.c = c, .rows = json_array(), .all_ok = true};
    if (!f.rows)
        return err_set(e, ERR_MEMORY, NULL);
    check_settings(&f);
    check_models(&f);
    enum rc rc = c->st->gate->health ? c->st->gate->health(c->st, f.rows, e) : RC_OK;
    if (rc) {
        json_decref(f.rows);
        return rc;
    }
    size_t i;
    json_t *row;
    json_array_foreach(f.rows, i, row)
    {
        f.all_ok = f.all_ok && !json_is_false(json_object_get(row, "ok"));
    }
    return answer_set(c,
                      json_pack("{s:s s:s s:o}", "status", f.all_ok ? "healthy" : "unhealthy", "version",
                                CLINIC_VERSION, "checks", f.rows),
                      e);
}
