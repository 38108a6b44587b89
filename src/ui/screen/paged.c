#include "ui/screen/paged.h"

enum { FIRST_PAGE = 60 };

void paged_init(struct paged *p, const char *op, int tag)
{
    *p = (struct paged){.op = op, .tag = tag, .asked_offset = -1};
}

void paged_fini(struct paged *p)
{
    list_fini(&p->list);
    json_decref(p->args);
    p->args = NULL;
}

void paged_arg(struct paged *p, const char *name, json_t *value)
{
    if (!p->args)
        p->args = json_object();
    if (value)
        json_object_set_new(p->args, name, value);
    else
        json_object_del(p->args, name);
}

static void ask_window(struct app *a, struct paged *p, int64_t offset, int64_t count)
{
    json_t *args = p->args ? json_copy(p->args) : json_object();
    json_object_set_new(args, "page", json_integer(offset / count + 1));
    json_object_set_new(args, "page_size", json_integer(count));
    p->asked_offset = offset;
    p->asked_count = count;
    app_ask(a, LANE_QUERY, p->tag, p->op, args, NULL);
}

void paged_refresh(struct app *a, struct paged *p)
{
    if (p->list.rows && p->asked_offset >= 0)
        ask_window(a, p, p->asked_offset, p->asked_count);
    else
        ask_window(a, p, 0, FIRST_PAGE);
}

void paged_top(struct app *a, struct paged *p)
{
    list_go(&p->list, 0);
    ask_window(a, p, 0, FIRST_PAGE);
}

static void ask_if_wanted(struct app *a, struct paged *p)
{
    int64_t offset, count;
    if (p->list.rows && list_wants(&p->list, &offset, &count) && (offset != p->asked_offset || count != p->asked_count))
        ask_window(a, p, offset, count);
}

void paged_take(struct app *a, struct paged *p, json_t *result)
{
    if (!result) {
        p->asked_offset = -1;
        return;
    }
    list_take(&p->list, result, p->asked_offset);
    ask_if_wanted(a, p);
}

void paged_fit(struct app *a, struct paged *p, int rows)
{
    list_fit(&p->list, rows);
    ask_if_wanted(a, p);
}

bool paged_can(const struct paged *p, enum action act)
{
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        return p->list.total > 0;
    default:
        return false;
    }
}

bool paged_act(struct app *a, struct paged *p, enum action act)
{
    struct list *l = &p->list;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        app_list_act(l, act);
        break;
    default:
        return false;
    }
    ask_if_wanted(a, p);
    return true;
}

int64_t paged_id(const struct paged *p)
{
    return json_integer_value(json_object_get(list_current(&p->list), "id"));
}

const char *paged_text(const struct paged *p, const char *field)
{
    const char *text = json_string_value(json_object_get(list_current(&p->list), field));
    return text ? text : "";
}
