/* Reading and writing .npy; see numpy.lib.format. */
#include "station/npy.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct header {
    char kind;   /* f, i, u, b */
    size_t item; /* bytes */
    bool fortran;
    size_t data_at; /* offset of the first element */
};

static enum rc bad(struct err *e, const char *why)
{
    return err_set(e, ERR_NPY, "not a NumPy array file: %s", why);
}

/* The value behind 'key': in the header's dict literal; NULL when absent. */
static const char *dict_value(const char *text, const char *key)
{
    char quoted[40];
    for (const char *q = "'\""; *q; q++) {
        str_format(quoted, sizeof(quoted), "%c%s%c", *q, key, *q);
        const char *at = strstr(text, quoted);
        if (!at)
            continue;
        at += strlen(quoted);
        at += strspn(at, " ");
        if (*at == ':')
            return at + 1 + strspn(at + 1, " ");
    }
    return NULL;
}

static enum rc parse_descr(const char *text, struct header *h, struct err *e)
{
    const char *v = dict_value(text, "descr");
    if (!v || (*v != '\'' && *v != '"'))
        return bad(e, "the header has no plain 'descr'");
    char type[8] = "";
    const char *end = strchr(v + 1, *v);
    if (!end || (size_t)(end - v - 1) >= sizeof(type))
        return bad(e, "the element type is not a plain number");
    memcpy(type, v + 1, (size_t)(end - v - 1));
    static const char *const types[] = {"<f4", "<f8", "<f2", "<i1", "<i2", "<i4",
                                        "<i8", "<u1", "<u2", "<u4", "<u8", "<b1"};
    const char *name = type[0] == '|' || type[0] == '=' ? type + 1 : type;
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        if (!str_eq(types[i], name) && !(name != type && str_eq(types[i] + 1, name)))
            continue;
        h->kind = types[i][1];
        h->item = (size_t)(types[i][2] - '0');
        return h->kind == 'f' && h->item == 2 ? bad(e, "float16 elements; save them as float32") : RC_OK;
    }
    return err_set(e, ERR_NPY, "elements are '%.7s', expected '<f4' (float32)",
                   text_safe(type, sizeof(type), type, true));
}

static enum rc parse_shape(const char *text, struct npy *out, struct err *e)
{
    const char *v = dict_value(text, "shape");
    if (!v || *v != '(')
        return bad(e, "the header has no 'shape'");
    v++;
    out->elements = 1;
    for (;;) {
        v += strspn(v, " ");
        if (*v == ')')
            return RC_OK;
        char *end;
        if (*v < '0' || *v > '9')
            return bad(e, "the shape is not a tuple of numbers");
        unsigned long long d = strtoull(v, &end, 10);
        if (out->rank == NPY_RANK_MAX)
            return bad(e, "more than 8 dimensions");
        if (d > (1ull << 40) || (d && out->elements > (1ull << 40) / d))
            return bad(e, "the shape is too large");
        out->dim[out->rank++] = (int64_t)d;
        out->elements *= (size_t)d;
        v = end + strspn(end, " ");
        if (*v == ',')
            v++;
        else if (*v != ')')
            return bad(e, "the shape is not a tuple of numbers");
    }
}

static enum rc parse_header(const unsigned char *p, size_t n, struct header *h, struct npy *out, struct err *e)
{
    if (n < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
        return bad(e, "the magic bytes are missing");
    size_t at = p[6] == 1 ? 10 : 12, len = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] < 1 || p[6] > 3 || n < at)
        return bad(e, "unknown format version");
    if (p[6] > 1)
        len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (len > 64 * 1024 || len > n - at)
        return bad(e, "the header is cut off");
    char *text = mem_zalloc(len + 1, 1, e);
    if (!text)
        return RC_FAILED;
    memcpy(text, p + at, len);
    h->data_at = at + len;
    enum rc rc = memchr(text, '\0', len) ? bad(e, "the header holds a NUL") : parse_descr(text, h, e);
    if (!rc)
        rc = parse_shape(text, out, e);
    const char *order = dict_value(text, "fortran_order");
    if (!rc && (!order || (!str_starts(order, "False") && !str_starts(order, "True"))))
        rc = bad(e, "the header has no 'fortran_order'");
    h->fortran = !rc && str_starts(order, "True");
    if (!rc && h->fortran && out->rank > 1)
        rc = bad(e, "Fortran order; save numpy.ascontiguousarray(a)");
    mem_free(text);
    return rc;
}

static float element(const unsigned char *p, const struct header *h)
{
    union {
        float f4;
        double f8;
        uint64_t u;
    } v = {.u = 0};
    memcpy(&v, p, h->item);
    if (h->kind == 'f')
        return h->item == 4 ? v.f4 : (float)v.f8;
    if (h->kind != 'i')
        return (float)v.u;
    unsigned shift = 64 - 8 * (unsigned)h->item;
    return (float)((int64_t)(v.u << shift) >> shift);
}

enum rc npy_parse(const void *bytes, size_t n, struct npy *out, struct err *e)
{
    *out = (struct npy){0};
    const unsigned char *p = bytes;
    struct header h = {0};
    enum rc rc = parse_header(p, n, &h, out, e);
    if (rc)
        return rc;
    if (out->elements > (n - h.data_at) / h.item)
        return err_set(e, ERR_NPY, "array is cut off: the shape asks for %zu elements, the file holds %zu",
                       out->elements, (n - h.data_at) / h.item);
    out->data = mem_aligned((out->elements ? out->elements : 1) * sizeof(float), e);
    if (!out->data)
        return RC_FAILED;
    p += h.data_at;
    if (h.kind == 'f' && h.item == 4 && out->elements)
        memcpy(out->data, p, out->elements * sizeof(float));
    else
        for (size_t i = 0; i < out->elements; i++)
            out->data[i] = element(p + i * h.item, &h);
    return RC_OK;
}

enum rc npy_read(const char *path, size_t max_bytes, struct npy *out, struct err *e)
{
    *out = (struct npy){0};
    char *bytes;
    size_t n;
    enum rc rc = file_read(path, max_bytes, &bytes, &n, e);
    if (rc)
        return rc;
    rc = npy_parse(bytes, n, out, e);
    mem_free(bytes);
    return rc;
}

enum rc npy_write(const char *path, const struct npy *a, struct err *e)
{
    struct buf head = {0}, all = {0};
    buf_puts(&head, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int32_t i = 0; i < a->rank; i++)
        buf_printf(&head, "%s%lld", i ? ", " : "", (long long)a->dim[i]);
    buf_puts(&head, a->rank == 1 ? ",), }" : "), }");
    while ((10 + head.len + 1) % 64 != 0)
        buf_putc(&head, ' ');
    buf_putc(&head, '\n');
    buf_add(&all, "\x93NUMPY\x01\x00", 8);
    buf_putc(&all, (char)(head.len & 0xff));
    buf_putc(&all, (char)(head.len >> 8));
    buf_add(&all, head.data ? head.data : "", head.len);
    buf_add(&all, a->data, a->elements * sizeof(float));
    enum rc rc = buf_check(&head, e);
    if (!rc)
        rc = buf_check(&all, e);
    if (!rc)
        rc = file_write_atomic(path, all.data, all.len, 0644, e);
    buf_free(&head);
    buf_free(&all);
    return rc;
}

void npy_fini(struct npy *a)
{
    mem_free(a->data);
    a->data = NULL;
}
