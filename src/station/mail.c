/* E-mail: composing and queueing, the outbox, a test message. Sending itself is mailbox.c. */
#include "mail.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "station/handout.h"

#include <string.h>

enum {
    RESULTS_MAX = 20,
    SUBJECT_MAX_BYTES = 200,
    NOTE_MAX_BYTES = 4000,
    TEXT_COLUMNS = 72, /* quoted-printable lines stay whole */
    PICTURE_SIDE_PX = 2048,
    PICTURE_QUALITY = 90,
    MESSAGE_MAX_BYTES = 15 << 20, /* what mail servers usually take */
};

/* One message in the making. */
struct letter {
    struct op_call *c;
    const struct conf *conf;
    const char *to, *subject, *note, *from;
    bool text, pdf, encrypt, picture;
    int64_t id[RESULTS_MAX];
    size_t id_n;
    struct handout handout;
    struct buf file[RESULTS_MAX + 1]; /* attachments: PDF, then pictures */
    struct mail_part part[RESULTS_MAX + 1];
    char name[RESULTS_MAX + 1][64];
    size_t part_n;
    char passphrase[80], message_id[300];
    struct buf body, message;
};

static void letter_fini(struct letter *l)
{
    secret_wipe(l->passphrase, sizeof(l->passphrase));
    for (size_t i = 0; i < ARRAY_N(l->file); i++)
        buf_free(&l->file[i]);
    buf_free(&l->body);
    buf_free(&l->message);
    handout_fini(&l->handout);
}

/* Mail without a sender's address cannot be answered or sent; only a demo invents one. */
static enum rc sender(struct op_call *c, const struct conf *conf, const char **from, struct err *e)
{
    struct records *r = NULL;
    enum rc rc = records_open(c->st, &r, e);
    if (rc)
        return rc;
    *from = conf_text(conf, CONF_ID_smtp_from);
    if (!**from && r->demo)
        *from = "station@clinic.example";
    return **from ? mail_address_check(*from, e) : err_set(e, ERR_MAIL_SETUP, NULL);
}

static enum rc letter_ids(struct letter *l, struct err *e)
{
    json_t *list = json_object_get(l->c->args, "results"), *one;
    size_t i;
    if (arg_given(l->c, "result"))
        l->id[l->id_n++] = arg_int(l->c, "result", 0);
    json_array_foreach(list, i, one)
    {
        int64_t id = json_integer_value(one);
        bool twice = false;
        for (size_t k = 0; k < l->id_n; k++)
            twice = twice || l->id[k] == id;
        if (twice)
            continue;
        if (l->id_n == RESULTS_MAX)
            return err_set(e, ERR_VALUE, "more than %d results for one e-mail", RESULTS_MAX);
        l->id[l->id_n++] = id;
    }
    return l->id_n ? RC_OK : err_set(e, ERR_VALUE, "no result named to write about");
}

static enum rc letter_args(struct letter *l, struct err *e)
{
    struct op_call *c = l->c;
    l->to = arg_text(c, "to", "");
    enum rc rc = mail_address_check(l->to, e);
    if (!rc)
        rc = line_arg(c, "subject", SUBJECT_MAX_BYTES, &l->subject, e);
    if (!rc)
        rc = lines_arg(c, "note", NOTE_MAX_BYTES, &l->note, e);
    if (!rc)
        rc = letter_ids(l, e);
    /* What is to be secret travels inside the encrypted PDF and nowhere else. */
    l->encrypt = arg_bool(c, "encrypt", false);
    l->pdf = l->encrypt || arg_bool(c, "pdf", false);
    l->text = !l->encrypt && arg_bool(c, "text", true);
    l->picture = !l->encrypt && arg_bool(c, "picture", false);
    if (!rc && !l->text && !l->pdf && !l->picture && !(l->note && *l->note))
        rc = err_set(e, ERR_VALUE, "nothing to send: choose text, pdf or picture, or write a note");
    return rc;
}

/* result: a row of the list. */
static enum rc refuse_void(json_t *result, struct err *e)
{
    if (!json_is_true(json_object_get(result, "voided")))
        return RC_OK;
    return err_set(e, ERR_CONFLICT, "result %lld is void; it cannot be sent",
                   (long long)json_integer_value(json_object_get(result, "id")));
}

static enum rc letter_read(struct letter *l, struct err *e)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(l->c->st->records->store, STORE_READ, &tx, e);
    if (!rc)
        rc = handout_read(l->c, tx, l->id, l->id_n, &l->handout, e);
    store_rollback(tx);
    for (size_t i = 0; !rc && i < l->handout.n; i++)
        rc = refuse_void(json_object_get(l->handout.record[i], "result"), e);
    if (!rc && (l->pdf || l->picture))
        rc = handout_pictures(l->c, &l->handout, l->picture ? PICTURE_SIDE_PX : REPORT_PICTURE_SIDE_PX, e);
    return rc;
}

static struct buf *attach(struct letter *l, const char *name, const char *type)
{
    size_t i = l->part_n++;
    str_copy(l->name[i], sizeof(l->name[i]), name);
    l->part[i] = (struct mail_part){.name = l->name[i], .type = type};
    return &l->file[i];
}

static enum rc letter_files(struct letter *l, struct err *e)
{
    char name[64];
    enum rc rc = RC_OK;
    if (l->encrypt)
        rc = report_passphrase(l->passphrase, sizeof(l->passphrase), e);
    if (!rc && l->pdf) {
        handout_name(&l->handout, "pdf", name, sizeof(name));
        rc = handout_pdf(l->c, &l->handout, l->encrypt ? l->passphrase : NULL, attach(l, name, "application/pdf"), e);
    }
    for (size_t i = 0; !rc && l->picture && i < l->handout.n; i++) {
        str_format(name, sizeof(name), "picture-%06lld.jpg", (long long)l->id[i]);
        rc = image_write_jpeg(&l->handout.picture[i], PICTURE_QUALITY, attach(l, name, "image/jpeg"), e);
    }
    for (size_t i = 0; i < l->part_n; i++) {
        l->part[i].data = l->file[i].data;
        l->part[i].n = l->file[i].len;
    }
    return rc;
}

static enum rc letter_body(struct letter *l, struct err *e)
{
    struct buf *b = &l->body;
    enum rc rc = RC_OK;
    if (l->note && *l->note)
        buf_printf(b, "%s\n\n", l->note);
    for (size_t i = 0; !rc && l->text && i < l->handout.n; i++) {
        rc = report_text(l->handout.record[i], TEXT_COLUMNS, b, e);
        buf_putc(b, '\n');
    }
    if (l->encrypt)
        buf_puts(b, "The report is attached as an encrypted PDF. Its passphrase comes to you by another way\n"
                    "than e-mail; ask the sender for it.\n\n");
    else if (!l->text && l->part_n)
        buf_puts(b, "See the attached files.\n\n");
    if (!l->text)
        buf_printf(b, "%s\n%s\n", conf_text(l->conf, CONF_ID_site_name), NOTICE_TEXT);
    return rc ? rc : buf_check(b, e);
}

/* Unique for every message of this and of other stations. */
static void message_id_make(const char *from, char *dst, size_t cap)
{
    char random[25];
    secret_random_hex(random, sizeof(random) - 1);
    str_format(dst, cap, "%llx.%s%s", (unsigned long long)clock_mono_ns(), random, strchr(from, '@'));
}

/* No name and no finding where everybody reads it: the number of the result says enough. */
static void subject_default(const struct letter *l, char *dst, size_t cap)
{
    const char *site = conf_text(l->conf, CONF_ID_site_name);
    if (l->id_n == 1)
        str_format(dst, cap, "Image analysis result %06lld - %s", (long long)l->id[0], site);
    else
        str_format(dst, cap, "%zu image analysis results - %s", l->id_n, site);
}

static enum rc letter_compose(struct letter *l, char *subject, size_t cap, struct err *e)
{
    if (l->subject && *l->subject)
        str_copy(subject, cap, l->subject);
    else
        subject_default(l, subject, cap);
    message_id_make(l->from, l->message_id, sizeof(l->message_id));
    const struct mail_message m = {
        .from = l->from,
        .to = l->to,
        .from_name = conf_text(l->conf, CONF_ID_site_name),
        .subject = subject,
        .text = l->body.data,
        .date_ms = clock_wall_ms(),
        .message_id = l->message_id,
        .part = l->part,
        .part_n = l->part_n,
    };
    enum rc rc = mail_compose(&m, &l->message, e);
    if (!rc && l->message.len > MESSAGE_MAX_BYTES)
        rc = err_set(e, ERR_VALUE, "the e-mail has %zu MB, at most %d are sent; leave pictures or results out",
                     l->message.len >> 20, MESSAGE_MAX_BYTES >> 20);
    return rc;
}

/* While the files were made somebody may have voided a result or withdrawn it. */
static enum rc still_fine(struct letter *l, struct store_tx *tx, struct err *e)
{
    struct store_eyes eyes = eyes_of(l->c);
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < l->id_n; i++) {
        json_t *row = NULL;
        rc = store_result_row(tx, &eyes, l->id[i], &row, e);
        if (!rc)
            rc = refuse_void(row, e);
        json_decref(row);
    }
    return rc;
}

/* by_user of the store's outbox functions: doctors and administrators see all, others their own. */
static int64_t whose(const struct op_call *c)
{
    unsigned powers = (unsigned)c->user.role & (unsigned)c->row->who;
    return powers & (ROLE_DOCTOR | ROLE_ADMIN) ? 0 : c->user.id;
}

static enum rc letter_queue(struct letter *l, const char *subject, struct err *e)
{
    struct op_call *c = l->c;
    struct store_tx *tx = NULL;
    int64_t id = 0, now = clock_wall_ms();
    char about[40], detail[RESULTS_MAX * 21 + 16] = "results";
    json_t *mail = NULL, *answer = NULL;
    const struct store_mail_new m = {
        .from = l->from,
        .to = l->to,
        .subject = subject,
        .note = l->note,
        .message_id = l->message_id,
        .message = l->message.data,
        .message_n = l->message.len,
        .result = l->id,
        .result_n = l->id_n,
        .not_before = now + conf_int(l->conf, CONF_ID_mail_delay_s) * 1000,
    };
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = still_fine(l, tx, e);
    if (!rc)
        rc = store_mail_add(tx, &m, c->user.id, now, &id, e);
    if (!rc)
        rc = store_mail_json(tx, id, whose(c), &mail, e);
    if (!rc && !(answer = json_pack("{s:O, s:s?}", "mail", mail, "passphrase", l->encrypt ? l->passphrase : NULL)))
        rc = err_set(e, ERR_MEMORY, NULL);
    json_decref(mail);
    str_format(about, sizeof(about), "mail %lld", (long long)id);
    for (size_t i = 0, n = strlen(detail); i < l->id_n; i++, n = strlen(detail))
        str_format(detail + n, sizeof(detail) - n, " %lld", (long long)l->id[i]);
    rc = call_end(c, tx, rc, answer, about, detail, e);
    if (!rc)
        mailbox_wake(c->st);
    return rc;
}

enum rc op_mail_send(struct op_call *c, struct err *e)
{
    char subject[SUBJECT_MAX_BYTES + 160];
    struct letter *l = mem_zalloc(1, sizeof(*l), e);
    if (!l)
        return RC_FAILED;
    l->c = c;
    enum rc rc = station_conf(c->st, &l->conf, e);
    if (!rc)
        rc = letter_args(l, e);
    if (!rc)
        rc = sender(c, l->conf, &l->from, e);
    if (!rc)
        rc = letter_read(l, e);
    if (!rc)
        rc = letter_files(l, e);
    if (!rc)
        rc = letter_body(l, e);
    if (!rc)
        rc = letter_compose(l, subject, sizeof(subject), e);
    if (!rc)
        rc = letter_queue(l, subject, e);
    letter_fini(l);
    mem_free(l);
    return rc;
}

/* --- the outbox --- */

/* Who keeps the station running sees that mail moves and where it sticks, not what it is about. */
static enum rc veil(const struct op_call *c, json_t *list, struct err *e)
{
    json_t *row;
    size_t i;
    if (is_doctor(c) || whose(c) != 0)
        return RC_OK;
    json_array_foreach(json_object_get(list, "results"), i, row)
    {
        if (json_object_set_new(row, "subject", json_string("")) || json_object_set_new(row, "results", json_array()))
            return err_set(e, ERR_MEMORY, NULL);
    }
    return RC_OK;
}

enum rc op_mail_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_mail_list(tx, whose(c), arg_text(c, "state", NULL), &p, &list, e);
    if (!rc)
        rc = veil(c, list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

/* Answers {"mail": row} after a decision about it. */
static enum rc end_with_mail(struct op_call *c, struct store_tx *tx, enum rc rc, int64_t id, struct err *e)
{
    json_t *mail = NULL, *answer = NULL;
    char subject[40];
    str_format(subject, sizeof(subject), "mail %lld", (long long)id);
    if (!rc)
        rc = store_mail_json(tx, id, whose(c), &mail, e);
    if (!rc && !(answer = json_pack("{s:O}", "mail", mail)))
        rc = err_set(e, ERR_MEMORY, NULL);
    json_decref(mail);
    return call_end(c, tx, rc, answer, subject, NULL, e);
}

enum rc op_mail_retry(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_mail_retry(tx, id, whose(c), clock_wall_ms(), e);
    rc = end_with_mail(c, tx, rc, id, e);
    if (!rc)
        mailbox_wake(c->st);
    return rc;
}

enum rc op_mail_drop(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    char reason[120];
    str_format(reason, sizeof(reason), "given up by %s", c->user.username);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_mail_drop(tx, id, whose(c), reason, clock_wall_ms(), e);
    return end_with_mail(c, tx, rc, id, e);
}

enum rc op_mail_flush(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct mailbox_counts n = {0};
    json_t *counts = NULL, *answer = NULL;
    char detail[120];
    enum rc rc = mailbox_flush(c->st, c->q->job ? &c->q->job->cancel : NULL, &n, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_mail_counts(tx, 0, &counts, e);
    if (!rc) {
        int64_t waiting = json_integer_value(json_object_get(counts, "queued")) +
                          json_integer_value(json_object_get(counts, "retry"));
        answer = json_pack("{s:I, s:I, s:I, s:I, s:I, s:O?}", "sent", (json_int_t)n.sent, "retry", (json_int_t)n.retry,
                           "dead", (json_int_t)n.dead, "unknown", (json_int_t)n.unknown, "waiting", (json_int_t)waiting,
                           "next_at", json_object_get(counts, "next_at"));
        if (!answer)
            rc = err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(counts);
    str_format(detail, sizeof(detail), "sent %lld, retry %lld, dead %lld, unknown %lld", (long long)n.sent,
               (long long)n.retry, (long long)n.dead, (long long)n.unknown);
    return tx ? call_end(c, tx, rc, answer, "outbox", detail, e) : rc;
}

/* --- trying the server --- */

static enum rc test_compose(const struct conf *conf, const char *from, const char *to, struct buf *out, struct err *e)
{
    char id[300], text[400];
    const char *site = conf_text(conf, CONF_ID_site_name);
    message_id_make(from, id, sizeof(id));
    str_format(text, sizeof(text),
               "This is a test message of %s.\nIt shows that the station can send e-mail. It holds no patient data.\n",
               site);
    const struct mail_message m = {
        .from = from,
        .to = to,
        .from_name = site,
        .subject = "Test message of the imaging station",
        .text = text,
        .date_ms = clock_wall_ms(),
        .message_id = id,
    };
    return mail_compose(&m, out, e);
}

enum rc op_mail_test(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    const char *to = arg_text(c, "to", ""), *from = NULL;
    struct store_tx *tx = NULL;
    struct mail_server server;
    struct buf message = {0};
    char reply[240] = "";
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = mail_address_check(to, e);
    if (!rc)
        rc = sender(c, conf, &from, e);
    if (!rc && !conf_text(conf, CONF_ID_smtp_host)[0])
        rc = err_set(e, ERR_MAIL_SETUP, "no mail server is set: smtp_host is empty");
    if (!rc)
        rc = test_compose(conf, from, to, &message, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = call_end(c, tx, rc, NULL, "mail", "test message", e);
    if (!rc) {
        mail_server_from_conf(conf, &server);
        enum mail_outcome outcome = mail_send(&server, from, to, message.data, message.len,
                                              c->q->job ? &c->q->job->cancel : NULL, reply, sizeof(reply), e);
        if (outcome != MAIL_SENT)
            rc = e && e->rc ? e->rc : RC_FAILED;
    }
    buf_free(&message);
    return rc ? rc : answer_set(c, json_pack("{s:b, s:s}", "ok", 1, "transcript", reply), e);
}
