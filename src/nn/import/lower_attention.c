/* Attention, and dense layers written as einsum. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static int32_t matmul(struct lower *l, int32_t a, int32_t b_, bool transpose_b, double scale)
{
    struct ir_node n = {.op = IR_MATMUL};
    const int32_t in[2] = {a, b_};
    memset(&n.u.matmul, 0, sizeof(n.u.matmul));
    n.u.matmul.transpose_b = transpose_b;
    n.u.matmul.scale = (float)scale;
    return build_many(l->b, &n, in, 2);
}

/* [outer, T] -> [outer, 1, T] (keys) or [outer, T, 1] (queries); heads: one more 1 in front. */
static int32_t mask_as(struct lower *l, int32_t mask, bool keys, bool heads)
{
    const struct ir_shape *s = lower_shape(l, mask);
    int32_t steps = s->rank > 0 ? s->dim[s->rank - 1] : 1, dim[3], n = 0;
    if (heads)
        dim[n++] = 1;
    dim[n++] = keys ? 1 : steps;
    dim[n++] = keys ? steps : 1;
    return lower_reshape(l, mask, n, dim);
}

static int32_t both_masks(struct lower *l, int32_t a, int32_t b)
{
    return a < 0 ? b : b < 0 ? a : lower_binary(l, IR_MUL, a, b);
}

/* The mask, and that no step looks ahead. */
static int32_t causal_too(struct lower *l, int32_t scores, int32_t mask)
{
    const struct ir_node n = {.op = IR_CAUSAL};
    return both_masks(l, mask, lower_op(l, &n, scores));
}

static int32_t scalar_weight(struct lower *l, const char *leaf)
{
    const struct ir_shape one = {.rank = 1, .dim = {1}};
    return lower_weight(l, leaf, 0, &one);
}

/* sum over the features of tanh(scale * (q + k)), for every pair of steps. */
static int32_t additive_scores(struct lower *l, int32_t q, int32_t k, int32_t scale, bool scale_inside)
{
    const struct ir_shape *a = lower_shape(l, q), *b = lower_shape(l, k);
    int32_t dq[3] = {a->dim[l->outer], 1, a->dim[l->outer + 1]}, dk[3] = {1, b->dim[l->outer], b->dim[l->outer + 1]};
    int32_t sum = lower_binary(l, IR_ADD, lower_reshape(l, q, 3, dq), lower_reshape(l, k, 3, dk));
    if (scale >= 0 && scale_inside)
        sum = lower_constant(l, IR_MUL, sum, scale, false);
    sum = lower_act(l, IR_FN_TANH, sum, 0, 0, 0);
    if (scale >= 0 && !scale_inside)
        sum = lower_constant(l, IR_MUL, sum, scale, false);
    struct ir_node n = {.op = IR_REDUCE};
    memset(&n.u.reduce, 0, sizeof(n.u.reduce));
    n.u.reduce.kind = IR_REDUCE_SUM;
    n.u.reduce.axes_mask = 1 << (l->outer + 2);
    return lower_op(l, &n, sum);
}

/* Masks of the call: given as a list [query, value], or carried by the tensors. */
static void attention_masks(struct lower *l, int32_t *q, int32_t *v)
{
    struct value given[3];
    *q = l->in[0].mask;
    *v = l->in_n > 1 ? l->in[1].mask : -1;
    const json_t *list = json_object_get(l->kwargs, "mask");
    if (!json_is_array(list) || lower_kwarg(l, "mask", given, 3) == 0)
        return;
    bool is_ref;
    struct value first = frame_value(l->frame, json_array_get(list, 0), &is_ref);
    *q = is_ref ? first.t : -1;
    struct value second = frame_value(l->frame, json_array_get(list, 1), &is_ref);
    *v = is_ref ? second.t : -1;
}

static void attention(struct lower *l, bool additive)
{
    int32_t more = lower_shape(l, l->in[0].t)->rank - l->outer - 2, q_mask, v_mask;
    attention_masks(l, &q_mask, &v_mask);
    if (l->in_n < 2 || more < 0 || lower_shape(l, l->in[1].t)->rank != l->outer + 2 + more) {
        lower_refuse(l, "inputs that are not [query, value] of 3 dimensions or more");
        return;
    }
    if (more > 0 && (q_mask >= 0 || v_mask >= 0)) {
        lower_refuse(l, "masks of inputs of more than 3 dimensions");
        return;
    }
    l->outer += more; /* axes in front of the steps are further batch axes */
    int32_t q = l->in[0].t, v = l->in[1].t, k = l->in_n > 2 ? l->in[2].t : v, scores, scale = -1;
    const char *mode = lower_text(l, "score_mode", "dot");
    if (additive) {
        scale = lower_bool(l, "use_scale", true) ? lower_weight(l, "scale", 0, NULL) : -1;
        scores = additive_scores(l, q, k, scale, false);
    } else if (str_eq(mode, "dot")) {
        scores = matmul(l, q, k, true, 1);
        if (lower_bool(l, "use_scale", false))
            scores = lower_constant(l, IR_MUL, scores, scalar_weight(l, "scale"), false);
    } else if (str_eq(mode, "concat")) {
        scale = lower_bool(l, "use_scale", false) ? scalar_weight(l, "scale") : -1;
        scores = additive_scores(l, q, k, scale, true);
        scores = lower_constant(l, IR_MUL, scores, scalar_weight(l, "concat_score_weight|attention_v"), false);
    } else {
        lower_refuse(l, "score_mode '%s'", mode);
        return;
    }
    int32_t mask = v_mask >= 0 ? mask_as(l, v_mask, true, false) : -1;
    if (lower_kwarg_true(l, "use_causal_mask") || lower_bool(l, "causal", false))
        mask = causal_too(l, scores, mask);
    scores = lower_softmax(l, scores, 1 << (l->outer + 1), false, mask);
    int32_t y = matmul(l, scores, v, false, 1);
    if (q_mask >= 0)
        y = lower_binary(l, IR_MUL, y, mask_as(l, q_mask, false, false));
    lower_set(l, y, q_mask);
    if (lower_kwarg_true(l, "return_attention_scores"))
        l->out[l->out_n++] = (struct value){scores, -1};
}

void lower_attention(struct lower *l)
{
    attention(l, false);
}
void lower_additive_attention(struct lower *l)
{
    attention(l, true);
}

/* ---- multi-head attention ---- */

struct heads {
    int32_t n, key_dim, value_dim;
};

/* Dense to heads x size: [T, D] -> [heads, T, size]. The kernel is [D, heads, size]. */
static int32_t project(struct lower *l, int slot, const char *name, int32_t t, int32_t heads, int32_t size,
                       bool has_bias)
{
    struct lower part = lower_part(l, slot, name);
    const struct ir_shape *s = lower_shape(l, t);
    int32_t depth = s->dim[s->rank - 1], steps = s->dim[s->rank - 2];
    const struct ir_shape kernel = {.rank = 2, .dim = {depth, heads * size}}, bias = {.rank = 1, .dim = {heads * size}};
    if (l->b->rc)
        return -1;
    if (depth < 1)
        return build_fail(l->b, ERR_MODEL_SHAPE, "layer '%s': the features have no fixed size", l->layer->name);
    struct ir_node n = {.op = IR_DENSE};
    memset(&n.u.dense, 0, sizeof(n.u.dense));
    n.u.dense.units = heads * size;
    n.u.dense.has_bias = has_bias;
    t = build_unary(l->b, &n, t, lower_weight(&part, "kernel", 0, &kernel),
                    has_bias ? lower_weight(&part, "bias", 1, &bias) : -1);
    const int32_t split[3] = {steps, heads, size};
    t = lower_reshape(l, t, 3, split);
    int32_t perm[IR_RANK_MAX], o = l->outer;
    for (int32_t i = 0; i < IR_RANK_MAX; i++)
        perm[i] = i;
    perm[o] = o + 1;
    perm[o + 1] = o;
    return lower_permute(l, t, perm);
}

/* [heads, T, size] -> [T, heads * size] -> dense. The kernel is [heads, size, out]. */
static int32_t project_back(struct lower *l, int slot, const char *name, int32_t t, struct heads h, bool has_bias)
{
    struct lower part = lower_part(l, slot, name);
    int32_t perm[IR_RANK_MAX], o = l->outer;
    for (int32_t i = 0; i < IR_RANK_MAX; i++)
        perm[i] = i;
    perm[o] = o + 1;
    perm[o + 1] = o;
    t = lower_permute(l, t, perm);
    const struct ir_shape *s = lower_shape(l, t);
    const int32_t flat[2] = {s->dim[o], h.n * h.value_dim};
    t = lower_reshape(l, t, 2, flat);
    const struct h5_data *d = lower_need(&part, "kernel", 0);
    if (!d || t < 0)
        return -1;
    if (d->rank < 2)
        return build_fail(l->b, ERR_MODEL_SHAPE, "'%s' has %d dimensions", d->path, (int)d->rank);
    int64_t width = d->n / (h.n * (int64_t)h.value_dim);
    int32_t made[IR_RANK_MAX] = {flat[0]}, made_n = 1;
    for (int32_t k = 2; k < d->rank && made_n < IR_RANK_MAX; k++)
        made[made_n++] = (int32_t)d->dim[k];
    const struct ir_shape kernel = {.rank = 2, .dim = {flat[1], (int32_t)width}},
                          bias = {.rank = 1, .dim = {(int32_t)width}};
    struct ir_node n = {.op = IR_DENSE};
    memset(&n.u.dense, 0, sizeof(n.u.dense));
    n.u.dense.units = (int32_t)width;
    n.u.dense.has_bias = has_bias;
    t = build_unary(l->b, &n, t, lower_weight(&part, "kernel", 0, &kernel),
                    has_bias ? lower_weight(&part, "bias", 1, &bias) : -1);
    return made_n == 2 ? t : lower_reshape(l, t, made_n, made);
}

/* What may see what, [.., 1, Tq, Tk] or broadcast to it; -1: everything. */
static int32_t heads_mask(struct lower *l, struct value q, struct value k, struct value v)
{
    struct value given;
    int32_t mask = -1;
    if (lower_kwarg(l, "attention_mask", &given, 1) == 1) {
        const struct ir_shape *s = lower_shape(l, given.t);
        if (s->rank == l->outer + 2) {
            const int32_t dim[3] = {1, s->dim[s->rank - 2], s->dim[s->rank - 1]};
            mask = lower_reshape(l, given.t, 3, dim);
        } else {
            mask = given.t;
        }
    }
    if (q.mask >= 0)
        mask = both_masks(l, mask, mask_as(l, q.mask, false, true));
    if (v.mask >= 0)
        mask = both_masks(l, mask, mask_as(l, v.mask, true, true));
    if (k.mask >= 0 && k.mask != v.mask)
        mask = both_masks(l, mask, mask_as(l, k.mask, true, true));
    return mask;
}

static bool heads_inputs(struct lower *l, struct value *q, struct value *k, struct value *v)
{
    struct value named;
    *q = l->in[0];
    *v = l->in_n > 1 ? l->in[1] : l->in[0];
    *k = l->in_n > 2 ? l->in[2] : no_value;
    bool given_key = l->in_n > 2;
    if (lower_kwarg(l, "query", &named, 1) == 1)
        *q = named;
    if (lower_kwarg(l, "value", &named, 1) == 1)
        *v = named;
    if (lower_kwarg(l, "key", &named, 1) == 1) {
        *k = named;
        given_key = true;
    }
    if (!given_key)
        *k = *v;
    int32_t rank = lower_shape(l, q->t)->rank;
    if (rank < l->outer + 2 || lower_shape(l, k->t)->rank != rank || lower_shape(l, v->t)->rank != rank)
        return lower_refuse(l, "inputs of fewer than 3 or of different dimensions") >= 0;
    return !l->b->rc;
}

/* attention_axes: which axes hold the steps. Those, gathered behind the others, become one. */
struct fold {
    int32_t n, front; /* axes that hold steps; axes in front of them, which become batch axes */
    int32_t perm[IR_RANK_MAX], back[IR_RANK_MAX];
};

static bool fold_read(struct lower *l, int32_t rank, struct fold *f)
{
    int32_t axes[IR_RANK_MAX], marked = 0, at = 0;
    int n = lower_list(l, "attention_axes", IR_RANK_MAX, axes);
    *f = (struct fold){0};
    for (int k = 0; k < n; k++) {
        int32_t a = lower_axis(l, l->in[0].t, axes[k]);
        if (a < l->outer || a >= rank - 1)
            return lower_refuse(l, "attention over axis %d", (int)axes[k]) >= 0;
        marked |= 1 << a;
    }
    for (int32_t a = l->outer; n == 0 && a < rank - 1; a++)
        marked |= 1 << a;
    for (int32_t pass = 0; pass < 2; pass++)
        for (int32_t a = 0; a < rank - 1; a++)
            if ((marked >> a & 1) == pass)
                f->perm[at++] = a;
    f->perm[at] = rank - 1;
    for (int32_t a = 0; a < rank; a++)
        f->back[f->perm[a]] = a;
    for (int32_t a = l->outer; a < rank - 1; a++)
        f->n += marked >> a & 1;
    f->front = rank - 1 - l->outer - f->n;
    return true;
}

/* Sizes behind the batch axes once t is folded: of the other axes, the steps, the features. */
static int32_t fold_in(struct lower *l, const struct fold *f, int32_t t)
{
    t = lower_permute(l, t, f->perm);
    const struct ir_shape *s = lower_shape(l, t);
    int32_t dim[IR_RANK_MAX], n = 0, steps = 1;
    for (int32_t k = 0; k < f->front; k++)
        dim[n++] = s->dim[l->outer + k];
    for (int32_t k = 0; k < f->n; k++) {
        int32_t d = s->dim[l->outer + f->front + k];
        if (d < 1 && f->n > 1)
            return lower_refuse(l, "attention over several axes of free size");
        steps = f->n == 1 ? d : steps * d;
    }
    dim[n++] = steps;
    dim[n++] = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    return f->n == 1 ? t : lower_reshape(l, t, n, dim);
}

/* [others.., steps, out..] to the order of axes that `like` has. */
static int32_t fold_out(struct lower *l, const struct fold *f, int32_t t, int32_t like)
{
    const struct ir_shape *s = lower_shape(l, t), *x = lower_shape(l, like);
    int32_t dim[IR_RANK_MAX], perm[IR_RANK_MAX], n = 0, behind = s->rank - l->outer - f->front - 1;
    if (x->rank - 1 + behind > IR_RANK_MAX || behind < 1)
        return lower_refuse(l, "output_shape of %d dimensions", (int)behind);
    for (int32_t a = l->outer; a < x->rank - 1; a++)
        dim[n++] = x->dim[f->perm[a]];
    for (int32_t k = 0; k < behind; k++)
        dim[n++] = s->dim[s->rank - behind + k];
    for (int32_t a = 0; a < IR_RANK_MAX; a++)
        perm[a] = a < x->rank - 1 ? f->back[a] : a;
    t = f->n == 1 ? t : lower_reshape(l, t, n, dim);
    return lower_permute(l, t, perm);
}

static void heads_run(struct lower *l, struct heads h, int32_t kv_heads)
{
    struct value q, k, v;
    if (!heads_inputs(l, &q, &k, &v))
        return;
    if (h.n < 1 || h.key_dim < 1 || h.value_dim < 1 || kv_heads < 1 || h.n % kv_heads || h.n > 1 << 16 ||
        h.key_dim > 1 << 16 || h.value_dim > 1 << 16) {
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': %d heads of %d", l->layer->name, (int)h.n, (int)h.key_dim);
        return;
    }
    bool has_bias = lower_bool(l, "use_bias", true), scores_too = lower_kwarg_true(l, "return_attention_scores");
    int32_t rank = lower_shape(l, q.t)->rank, query = q.t;
    struct fold f = {0};
    if (rank > l->outer + 2) {
        if (!fold_read(l, rank, &f))
            return;
        struct value given;
        if (q.mask >= 0 || k.mask >= 0 || v.mask >= 0 || scores_too ||
            lower_kwarg(l, "attention_mask", &given, 1) > 0) {
            lower_refuse(l, "masks or scores of inputs of more than 3 dimensions");
            return;
        }
        q.t = fold_in(l, &f, q.t);
        k.t = fold_in(l, &f, k.t);
        v.t = fold_in(l, &f, v.t);
        l->outer += f.front;
    }
    int32_t tq = project(l, 0, "query", q.t, h.n, h.key_dim, has_bias);
    int32_t tk = project(l, 1, "key", k.t, kv_heads, h.key_dim, has_bias);
    int32_t tv = project(l, 2, "value", v.t, kv_heads, h.value_dim, has_bias);
    if (kv_heads != h.n) { /* each key and value head serves several query heads */
        struct ir_node rep = {.op = IR_REPEAT};
        memset(&rep.u.repeat, 0, sizeof(rep.u.repeat));
        rep.u.repeat.axis = l->outer;
        rep.u.repeat.n = h.n / kv_heads;
        tk = lower_op(l, &rep, tk);
        tv = lower_op(l, &rep, tv);
    }
    int32_t scores = matmul(l, tq, tk, true, 1.0 / sqrt((double)h.key_dim));
    int32_t mask = heads_mask(l, q, k, v);
    if (lower_kwarg_true(l, "use_causal_mask"))
        mask = causal_too(l, scores, mask);
    scores = lower_softmax(l, scores, 1 << (l->outer + 2), false, mask);
    int32_t y = matmul(l, scores, tv, false, 1);
    bool new_name = lower_part(l, 3, "attention_output").layer->set.n > 0;
    y = project_back(l, new_name ? 3 : 4, new_name ? "attention_output" : "output", y, h, has_bias);
    if (f.n > 0) {
        l->outer -= f.front;
        y = fold_out(l, &f, y, query);
    }
    lower_set(l, y, q.mask);
    if (scores_too)
        l->out[l->out_n++] = (struct value){scores, -1};
}

void lower_multi_head_attention(struct lower *l)
{
    struct heads h = {.n = (int32_t)lower_int(l, "num_heads", 0), .key_dim = (int32_t)lower_int(l, "key_dim", 0)};
    h.value_dim = (int32_t)lower_int(l, "value_dim", h.key_dim);
    if (lower_bool(l, "use_gate", false)) {
        lower_refuse(l, "use_gate");
        return;
    }
    heads_run(l, h, h.n);
}

void lower_group_query_attention(struct lower *l)
{
    struct heads h = {.n = (int32_t)lower_int(l, "num_query_heads", 0),
                      .key_dim = (int32_t)lower_int(l, "head_dim", 0)};
    h.value_dim = h.key_dim;
    if (lower_bool(l, "use_gate", false)) {
        lower_refuse(l, "use_gate");
        return;
    }
    heads_run(l, h, (int32_t)lower_int(l, "num_key_value_heads", h.n));
}

/* ---- einsum ---- */

struct einsum {
    char in[16], kernel[16], out[16]; /* labels; an ellipsis is spelled out */
    bool ellipsis;
};

static bool einsum_read(struct lower *l, const char *text, struct einsum *q)
{
    char buffer[64] = "", *part[3] = {q->in, q->kernel, q->out};
    size_t n = 0;
    memset(q, 0, sizeof(*q));
    for (const char *p = text; *p && n < sizeof(buffer) - 1; p++)
        if (*p != ' ')
            buffer[n++] = *p;
    const char *p = buffer;
    for (int k = 0; k < 3; k++) {
        size_t len = 0;
        if (strncmp(p, "...", 3) == 0) {
            q->ellipsis = true;
            p += 3;
        }
        while (*p >= 'A' && *p <= 'z' && len < 15)
            part[k][len++] = *p++;
        if (strncmp(p, "...", 3) == 0)
            return lower_refuse(l, "equation '%s'", text) >= 0;
        if (k == 0 && *p++ != ',')
            return lower_refuse(l, "equation '%s'", text) >= 0;
        if (k == 1 && strncmp(p, "->", 2) != 0)
            return lower_refuse(l, "equation '%s'", text) >= 0;
        p += k == 1 ? 2 : 0;
    }
    return *p == '\0' || lower_refuse(l, "equation '%s'", text) >= 0;
}

/* Labels of the input by what becomes of them. Axis numbers: the first label is the batch, unless an ellipsis stands
 * for it; `base` is the axis of label 0, `first` that of the first label behind the batch. */
struct einsum_plan {
    char summed[16], kept[16], fresh[16];
    int32_t base, first, summed_n, kept_n, skip;
};

/* False: a label of input, kernel and output at once, or an order of the kernel that is not [summed..., new...]. */
static bool einsum_plan(const struct einsum *q, int32_t rank, struct einsum_plan *p)
{
    int32_t labels = (int32_t)strlen(q->in), fresh_n = 0;
    memset(p, 0, sizeof(*p));
    p->skip = q->ellipsis ? 0 : 1;
    p->base = rank - labels;
    p->first = p->base + p->skip;
    for (int32_t i = p->skip; i < labels; i++) {
        bool in_kernel = strchr(q->kernel, q->in[i]) != NULL, in_out = strchr(q->out, q->in[i]) != NULL;
        if (in_kernel == in_out)
            return false;
        if (in_kernel)
            p->summed[p->summed_n++] = q->in[i];
        else
            p->kept[p->kept_n++] = q->in[i];
    }
    for (const char *k = q->kernel; *k; k++)
        if (!strchr(q->in, *k))
            p->fresh[fresh_n++] = *k;
    char order[40];
    str_format(order, sizeof(order), "%s%s", p->summed, p->fresh);
    int32_t out_rank = p->first + p->kept_n + fresh_n;
    return p->summed_n > 0 && p->first >= 0 && rank <= IR_RANK_MAX && str_eq(order, q->kernel) &&
           out_rank <= IR_RANK_MAX && p->first + (int32_t)strlen(q->out) - p->skip == out_rank;
}

/* Input with the summed axes last, times the kernel as a matrix, new axes unfolded: [lead, kept..., new...]. */
static int32_t einsum_product(struct lower *l, const struct einsum *q, const struct einsum_plan *p,
                              const struct h5_data *d)
{
    int32_t t = l->in[0].t, perm[IR_RANK_MAX], at = 0, dim[IR_RANK_MAX + 16], n = 0;
    for (; at < p->first; at++)
        perm[at] = at;
    for (const char *k = p->kept; *k; k++)
        perm[at++] = p->base + (int32_t)(strchr(q->in, *k) - q->in);
    for (const char *k = p->summed; *k; k++)
        perm[at++] = p->base + (int32_t)(strchr(q->in, *k) - q->in);
    t = lower_permute(l, t, perm);
    struct ir_shape kernel = {.rank = 2, .dim = {1, 1}};
    for (int32_t i = 0; i < d->rank; i++)
        kernel.dim[i >= p->summed_n] *= (int32_t)d->dim[i];
    const struct ir_shape s = *lower_shape(l, t);
    for (int32_t i = l->outer; i < p->first + p->kept_n; i++)
        dim[n++] = s.dim[i];
    dim[n] = kernel.dim[0];
    t = lower_reshape(l, t, n + 1, dim);
    struct ir_node node = {.op = IR_DENSE};
    memset(&node.u.dense, 0, sizeof(node.u.dense));
    node.u.dense.units = kernel.dim[1];
    t = build_unary(l->b, &node, t, lower_weight(l, "kernel", 0, &kernel), -1);
    for (int32_t i = p->summed_n; i < d->rank; i++)
        dim[n++] = (int32_t)d->dim[i];
    return lower_reshape(l, t, n, dim);
}

/* When, after moving the summed labels to the end of the input, the kernel reads [summed..., new...], the layer is a
 * dense one with axes folded. */
void lower_einsum_dense(struct lower *l)
{
    struct einsum q;
    struct einsum_plan p;
    const char *equation = lower_text(l, "equation", "");
    if (!einsum_read(l, equation, &q))
        return;
    const struct h5_data *d = lower_need(l, "kernel", 0);
    if (!d)
        return;
    if (!einsum_plan(&q, lower_shape(l, l->in[0].t)->rank, &p) || d->rank != (int32_t)strlen(q.kernel)) {
        lower_refuse(l, "equation '%s'", equation);
        return;
    }
    int32_t t = einsum_product(l, &q, &p, d), perm[IR_RANK_MAX];
    for (int32_t i = 0; i < p.first; i++)
        perm[i] = i;
    for (int32_t i = p.skip; q.out[i]; i++) {
        const char *k = strchr(p.kept, q.out[i]), *f = strchr(p.fresh, q.out[i]);
        if (!k && !f) {
            lower_refuse(l, "equation '%s'", equation);
            return;
        }
        perm[p.first + i - p.skip] = k ? p.first + (int32_t)(k - p.kept) : p.first + p.kept_n + (int32_t)(f - p.fresh);
    }
    t = lower_permute(l, t, perm);
    const char *bias = lower_text(l, "bias_axes", NULL);
    if (bias && *bias && !l->b->rc) {
        const struct ir_shape *o = lower_shape(l, t);
        struct ir_shape shape = {.rank = o->rank};
        for (int32_t i = 0; i < o->rank; i++) {
            int32_t label = i - p.first + p.skip;
            shape.dim[i] = label >= p.skip && strchr(bias, q.out[label]) && o->dim[i] > 0 ? o->dim[i] : 1;
        }
        t = lower_constant(l, IR_ADD, t, lower_weight(l, "bias", 1, &shape), false);
    }
    lower_set(l, lower_activation(l, "activation", t), l->in[0].mask);
}
