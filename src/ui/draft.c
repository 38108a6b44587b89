/* What can be had back: half-filled forms, and an e-mail that has not gone yet. */
#include "base/file.h"
#include "ui/app_priv.h"

void app_save_drafts(struct app *a, bool wait)
{
    if (!a->token)
        return;
    for (int i = 0; i < a->depth; i++) {
        const struct screen *s = &a->stack[i];
        json_t *fields = s->row->draft ? s->row->draft(s->state) : NULL;
        if (!fields)
            continue;
        json_t *args = json_pack("{s:s, s:o}", "form", s->row->id, "fields", fields);
        if (wait) {
            struct err ignored = {0};
            json_t *result = NULL;
            if (app_ask_now(a, "drafts.save", args, &result, &ignored) == RC_OK)
                json_decref(result);
        } else {
            app_ask_own(a, "drafts.save", args, NULL);
        }
    }
}

/* Asked when a screen opens; that there is none is no failure. */
void app_load_draft(struct app *a)
{
    const struct screen *s = app_top(a);
    if (a->token && s && s->row->draft && s->row->restore)
        app_ask(a, LANE_QUERY, TAG_OWN_DRAFT, "drafts.load", json_pack("{s:s}", "form", s->row->id), NULL);
}

void app_draft_drop(struct app *a)
{
    const struct screen *s = app_top(a);
    if (a->token && s)
        app_ask_own(a, "drafts.drop", json_pack("{s:s}", "form", s->row->id), NULL);
}

void app_draft_keep(struct app *a)
{
    const struct screen *s = app_top(a);
    json_t *fields = a->token && s && s->row->draft ? s->row->draft(s->state) : NULL;
    if (fields)
        app_ask_own(a, "drafts.save", json_pack("{s:s, s:o}", "form", s->row->id, "fields", fields), NULL);
}

void app_take_back(struct app *a, int64_t mail_id, int64_t wait_s)
{
    a->mail_id = mail_id;
    a->mail_until_ns = clock_mono_ns() + wait_s * 1000000000;
}

bool app_can_take_back(const struct app *a)
{
    return a->token && a->mail_id && clock_mono_ns() < a->mail_until_ns;
}

static void taken_back(struct app *a, json_t *result, const struct err *e)
{
    if (!result) {
        app_fail(a, e);
        return;
    }
    struct screen *s = app_top(a);
    app_say(a, STYLE_TEXT, "Taken back: it is not sent");
    if (s && s->row->refresh)
        s->row->refresh(a, s->state);
}

void app_take_back_now(struct app *a)
{
    app_ask_own(a, "mail.drop", json_pack("{s:I}", "id", (json_int_t)a->mail_id), taken_back);
    a->mail_id = 0;
}
